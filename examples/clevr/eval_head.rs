//! `eval --head`: how often a head's answers are right.

use crate::features::Network;
use anyhow::{Result, bail};
use candle_core::{Device, Tensor};
use conv_clevr::evaluate::{Evaluation, compare};
use conv_clevr::heads::{Answerer, Likely, Maps, MapsOf};
use conv_clevr::{Answer, Error, Function, Question, Scene};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where heads ship, by name.
const SHIPPED: &str = "data/models/clevr-heads";

/// What a head looks at.
pub enum Looked<'a> {
    /// Pictures of a folder, through a network.
    Pictures(&'a Path, Network),
    /// Maps that were kept.
    Maps(&'a Path),
}

/// Opens a head's model folder, or one that ships by its name.
pub fn open(head: &str, device: &Device) -> Result<Answerer> {
    let shipped = Path::new(SHIPPED).join(head);
    let is_name = !head.contains(['/', '\\']) && shipped.is_dir();
    let folder = if is_name { shipped } else { conv_hub::resolve(head)? };
    Ok(Answerer::open(&folder, device)?)
}

/// Answers the questions about what is looked at, and compares.
pub fn evaluate(
    head: &Answerer,
    questions: &[Question],
    scenes: &BTreeMap<String, Scene>,
    looked: &Looked,
    seed: u64,
    device: &Device,
) -> Result<Evaluation> {
    let names: BTreeSet<&str> = questions.iter().map(|one| one.image_filename.as_str()).collect();
    let is_there = |name: &str| match looked {
        Looked::Pictures(folder, _) => folder.join(name).is_file(),
        Looked::Maps(_) => true,
    };
    let maps = maps(head, &names, looked, device)?;
    let answers = |image: &str, questions: &[(&str, Option<Function>)]| {
        if !is_there(image) {
            return Ok(None);
        }
        let map = match &maps {
            None => None,
            Some(maps) if maps.has(image) => Some(maps.of(&[image], device)?.get(0)?),
            // A file of maps says which pictures there are.
            Some(_) if matches!(looked, Looked::Maps(_)) => return Ok(None),
            Some(_) => return Ok(Some(questions.iter().map(|_| Err(unread(image))).collect())),
        };
        let found = head.answers(questions, map.as_ref())?;
        let answer = |likely: conv_clevr::Result<_>| likely.map(|likely: Likely| likely.answer);
        Ok(Some(found.into_iter().map(answer).collect::<Vec<conv_clevr::Result<Answer>>>()))
    };
    Ok(compare(questions, |name| scenes.get(name), answers, seed)?)
}

/// The map of a picture that a head which looks is to see.
pub fn map(
    head: &Answerer,
    image: &Path,
    network: &Network,
    device: &Device,
) -> Result<Option<Tensor>> {
    let Some(of) = &head.config().maps else { return Ok(None) };
    let folder = image.parent().unwrap_or(Path::new(""));
    let maps = seen(of, &[image.into()], folder, network, device)?;
    let name = image.strip_prefix(folder)?.to_string_lossy().into_owned();
    Ok(Some(maps.of(&[&name], device)?.get(0)?))
}

/// Maps of pictures by the network that a head learnt from.
fn seen(
    of: &MapsOf,
    files: &[PathBuf],
    folder: &Path,
    network: &Network,
    device: &Device,
) -> Result<Maps> {
    let source = network.open(device)?;
    of.made_by.check(&source.made_by(), Path::new("config.json"))?;
    let [layer] = &of.made_by.layers[..] else { bail!("the head names no layer") };
    let (features, skipped) = source.layer(files, folder, layer, device)?;
    skipped.iter().for_each(|file| conv_cli::note(format_args!("  {file}")));
    Ok(Maps::new(features, &folder.display().to_string())?)
}

/// The maps that a head which looks is to see, by the network that it learnt from.
fn maps(
    head: &Answerer,
    names: &BTreeSet<&str>,
    looked: &Looked,
    device: &Device,
) -> Result<Option<Maps>> {
    let Some(of) = &head.config().maps else { return Ok(None) };
    let (maps, place) = match looked {
        Looked::Maps(path) => (Maps::read(path)?, path),
        Looked::Pictures(folder, network) => {
            let files = names.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
            (seen(of, &files.collect::<Vec<_>>(), folder, network, device)?, folder)
        }
    };
    maps.made_by().check(&of.made_by, place)?;
    let [found, expected] = [&maps.made_by().layers, &of.made_by.layers].map(|l| l.join(", "));
    if found != expected {
        bail!("{} holds {found}, and the head looks at {expected}", place.display());
    }
    Ok(Some(maps))
}

fn unread(image: &str) -> Error {
    Error::NoObject { image: image.into(), reason: ": it cannot be read".into() }
}
