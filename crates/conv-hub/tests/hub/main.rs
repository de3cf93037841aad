//! The hub on the loopback: fetching, the cache, offline use, data sets, and servers that mean
//! harm.
#![cfg(feature = "hub")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod rows;
mod server;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use conv_hub::hub::Hub;
use conv_hub::{Error, ModelFolder, ModelParts};
use server::{Served, Server};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn hub(server: &Server, cache: &Path, offline: bool) -> Hub {
    Hub { endpoint: Some(server.endpoint.clone()), cache: Some(cache.to_path_buf()), offline }
}

/// The files of a small model, and one that is no part of a model folder.
fn model_files() -> BTreeMap<String, Vec<u8>> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let tensors = [("weight".to_string(), Tensor::new(&[0.5f32], &Device::Cpu).unwrap())].into();
    ModelParts {
        model_type: "kim-cnn",
        tensors: &tensors,
        card: "# Card\n",
        ..ModelParts::default()
    }
    .write(&folder)
    .unwrap();
    let mut files = BTreeMap::from([("optimizer.pt".to_string(), vec![0; 100])]);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        files.insert(name, std::fs::read(&path).unwrap());
    }
    files
}

fn model(files: BTreeMap<String, Vec<u8>>) -> Served {
    Served {
        kind: "models",
        id: "convoke/tiny",
        commit: COMMIT.to_string(),
        files,
        listed_size: None,
    }
}

#[test]
fn a_model_is_fetched_once_and_then_read_from_the_cache_offline() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(model(model_files()));
    let folder = hub(&server, cache.path(), false).model_folder("convoke/tiny").unwrap();
    assert_eq!(folder, cache.path().join("models--convoke--tiny/snapshots").join(COMMIT));
    let opened = ModelFolder::open(&folder).unwrap();
    opened.expect_type("kim-cnn").unwrap();
    assert_eq!(opened.tensors(None).unwrap()["weight"].to_vec1::<f32>().unwrap(), [0.5]);

    let asked = server.requests();
    // The commit and the listing once, and a HEAD and a GET for each of the model's three files.
    assert_eq!(asked.len(), 2 + 2 * 3, "{asked:#?}");
    assert!(!asked.iter().any(|request| request.contains("optimizer.pt")), "{asked:#?}");

    hub(&server, cache.path(), false).model_folder("convoke/tiny").unwrap();
    assert_eq!(
        server.requests().len(),
        asked.len() + 2,
        "only the commit and the listing are asked again"
    );

    let offline = hub(&server, cache.path(), true);
    assert_eq!(offline.model_folder("convoke/tiny").unwrap(), folder);
    assert_eq!(offline.model_folder(&format!("convoke/tiny@{COMMIT}")).unwrap(), folder);
    assert_eq!(server.requests().len(), asked.len() + 2, "offline nobody is asked");

    // Another name of a commit whose files are there already is found offline too.
    assert!(offline.model_folder("convoke/tiny@v1").is_err());
    hub(&server, cache.path(), false).model_folder("convoke/tiny@v1").unwrap();
    assert_eq!(offline.model_folder("convoke/tiny@v1").unwrap(), folder);
}

#[test]
fn offline_what_the_cache_does_not_have_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(model(model_files()));
    let online = hub(&server, cache.path(), false);
    online.model("convoke/tiny").unwrap().fetch("config.json").unwrap();
    let before = server.requests().len();

    let offline = hub(&server, cache.path(), true);
    let error = offline.model("convoke/tiny").unwrap().fetch("labels.txt").unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE is set: labels.txt is missing"), "{error}");
    let error = offline.model("convoke/tiny@v2").unwrap_err().to_string();
    assert!(
        error.contains("`convoke/tiny@v2` is not in the cache")
            && error.contains("the revision `v2`"),
        "{error}"
    );
    let error = offline.model_folder("convoke/tiny").unwrap_err().to_string();
    assert!(error.contains("has no model.safetensors, expected a model folder"), "{error}");
    assert_eq!(server.requests().len(), before);
}

#[test]
fn a_cache_that_other_programs_made_is_used() {
    let cache = tempfile::tempdir().unwrap();
    let repository = cache.path().join("models--convoke--tiny");
    let snapshot = repository.join("snapshots").join(COMMIT);
    for folder in [&snapshot, &repository.join("refs"), &repository.join("blobs")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(repository.join("refs/main"), COMMIT).unwrap();
    for (index, (name, bytes)) in model_files().into_iter().enumerate() {
        std::fs::write(repository.join(format!("blobs/{index}")), bytes).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(format!("../../blobs/{index}"), snapshot.join(name)).unwrap();
        #[cfg(not(unix))]
        std::fs::copy(repository.join(format!("blobs/{index}")), snapshot.join(name)).unwrap();
    }
    let hub = Hub { endpoint: None, cache: Some(cache.path().to_path_buf()), offline: true };
    let folder = hub.model_folder("convoke/tiny").unwrap();
    assert_eq!(ModelFolder::open(&folder).unwrap().model_type(), "kim-cnn");
}

/// Everything below a folder, in order.
fn tree(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.display().to_string());
        if path.is_dir() {
            names.extend(tree(&path));
        }
    }
    names.sort();
    names
}

#[test]
fn names_that_leave_the_cache_are_refused_and_nothing_is_written() {
    for name in ["../../../escaped.json", "/tmp/escaped.json", "data/../../escaped.json"] {
        let cache = tempfile::tempdir().unwrap();
        let mut files = model_files();
        files.insert(name.to_string(), b"{}".to_vec());
        let server = Server::start(model(files));
        let error = hub(&server, cache.path(), false).model_folder("convoke/tiny").unwrap_err();
        assert!(matches!(error, Error::UnsafeName { .. }), "{error}");
        assert_eq!(tree(cache.path()), [""; 0]);
    }
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(model(model_files()));
    let repository = hub(&server, cache.path(), false).model("convoke/tiny").unwrap();
    assert!(matches!(repository.fetch("../../../x"), Err(Error::UnsafeName { .. })));
    assert_eq!(tree(cache.path()), [""; 0]);
}

#[test]
fn a_commit_that_is_no_commit_is_refused() {
    for commit in ["../../../escaped", "", "main", "0123456789ABCDEF"] {
        let cache = tempfile::tempdir().unwrap();
        let server = Server::start(Served { commit: commit.to_string(), ..model(model_files()) });
        let error =
            hub(&server, cache.path(), false).model_folder("convoke/tiny").unwrap_err().to_string();
        assert!(error.contains("expected 40 hexadecimal digits"), "{error}");
        assert_eq!(tree(cache.path()), [""; 0]);
    }
}

#[test]
fn a_file_of_another_length_is_refused_and_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(Served { listed_size: Some(7), ..model(model_files()) });
    let error =
        hub(&server, cache.path(), false).model_folder("convoke/tiny").unwrap_err().to_string();
    assert!(error.contains("bytes of `config.json`, expected 7"), "{error}");
    assert!(!tree(cache.path()).iter().any(|name| name.ends_with("config.json")));
}

#[test]
fn what_the_hub_does_not_have_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let server =
        Server::start(model(BTreeMap::from([("notes.txt".to_string(), b"hello".to_vec())])));
    let hub = hub(&server, cache.path(), false);
    let error = hub.model_folder("convoke/other").unwrap_err().to_string();
    assert!(error.contains("`convoke/other` on the hub http://127.0.0.1"), "{error}");
    let error = hub.model_folder("convoke/tiny@v9").unwrap_err().to_string();
    assert!(error.contains("`convoke/tiny@v9`") && error.contains("v9"), "{error}");
    let error = hub.model_folder("convoke/tiny").unwrap_err().to_string();
    assert!(error.contains("has no config.json, expected a model folder"), "{error}");
    let error = hub.model("convoke/tiny").unwrap().fetch("absent.bin").unwrap_err().to_string();
    assert!(error.contains("has no file `absent.bin`"), "{error}");
}

#[test]
fn rows_of_a_data_set_are_read_online_and_offline() {
    let cache = tempfile::tempdir().unwrap();
    let files = BTreeMap::from([
        ("README.md".to_string(), b"# Data\n".to_vec()),
        (
            "data/test.jsonl".to_string(),
            b"{\"text\": \"na\xc3\xafve\", \"label\": 1}\n\n{\"text\": \"\", \"label\": 0.5}\n"
                .to_vec(),
        ),
        ("data/train.parquet".to_string(), rows::parquet_file()),
    ]);
    let served = Served {
        kind: "datasets",
        id: "convoke/sentences",
        commit: COMMIT.to_string(),
        files,
        listed_size: None,
    };
    let server = Server::start(served);
    for offline in [false, true] {
        let data = hub(&server, cache.path(), offline).dataset("convoke/sentences").unwrap();
        assert_eq!(data.files().collect::<Vec<_>>(), ["data/test.jsonl", "data/train.parquet"]);
        let test: Vec<_> = data.rows("data/test.jsonl").unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(test.len(), 2);
        assert_eq!(test[0]["text"].as_str(), Some("naïve"));
        assert_eq!((test[0]["label"].as_i64(), test[1]["label"].as_f64()), (Some(1), Some(0.5)));
        rows::check(data.rows("data/train.parquet").unwrap());
    }
    assert!(!server.requests().iter().any(|request| request.contains("README")));
}

/// Set in the process that this test starts: its environment is the test's subject.
const CHILD: &str = "CONV_HUB_TEST_CHILD";

#[test]
fn the_environment_names_the_hub_its_cache_and_offline_use() {
    if std::env::var_os(CHILD).is_some() {
        match conv_hub::resolve("convoke/tiny@v1") {
            Ok(folder) => println!("resolved {}", folder.display()),
            Err(error) => println!("refused {error}"),
        }
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(model(model_files()));
    let child = |offline: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "the_environment_names_the_hub_its_cache_and_offline_use",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .env("HF_ENDPOINT", &server.endpoint)
            .env("HF_HUB_CACHE", cache.path())
            .env("HF_HUB_OFFLINE", offline)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = child("1");
    assert!(refused.contains("refused `convoke/tiny@v1` is not in the cache"), "{refused}");
    assert_eq!(server.requests().len(), 0);
    let expected = format!(
        "resolved {}",
        cache.path().join("models--convoke--tiny/snapshots").join(COMMIT).display()
    );
    let resolved = child("0");
    assert!(resolved.contains(&expected), "{resolved}");
    let asked = server.requests().len();
    assert!(asked > 0);
    let resolved = child("true");
    assert!(resolved.contains(&expected), "{resolved}");
    assert_eq!(server.requests().len(), asked);
}
