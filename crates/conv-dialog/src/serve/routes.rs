//! What is answered to what.

use super::{Shared, guard, page};
use crate::guess::{Game, Nearest, Played};
use crate::{Error, Result};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Rounds of a game, at most.
const ROUNDS: usize = 20;
/// Bytes of a question, at most.
const QUESTION: usize = 200;

pub(super) fn router(shared: Shared) -> Router {
    let shared = Arc::new(shared);
    Router::new()
        .route("/", get(|| async { page::HTML.into_response() }))
        .route("/page.css", get(|| async { page::CSS.into_response() }))
        .route("/page.js", get(|| async { page::JS.into_response() }))
        .route("/pool", get(pool))
        .route("/scene/{name}", get(scene))
        .route("/play", post(play))
        .route("/ask", post(ask))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "there is no such page".into()) })
        .method_not_allowed_fallback(|| async {
            refused(StatusCode::METHOD_NOT_ALLOWED, "not by this method".into())
        })
        .layer(DefaultBodyLimit::max(shared.limits.body))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::guard))
        .with_state(shared)
}

/// An answer that says what was wrong.
pub(super) fn refused(status: StatusCode, error: String) -> Response {
    #[derive(Serialize)]
    struct Refused {
        error: String,
    }
    (status, Json(Refused { error })).into_response()
}

#[derive(Serialize)]
struct Pool {
    scenes: usize,
    rounds: usize,
}

async fn pool(State(shared): State<Arc<Shared>>) -> Json<Pool> {
    Json(Pool { scenes: shared.pool.scenes().len(), rounds: ROUNDS })
}

async fn scene(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    let number = name.strip_suffix(".svg").and_then(|number| number.parse::<usize>().ok());
    match number.and_then(|number| shared.pool.scenes().get(number)) {
        Some(scene) => {
            // By itself, unlike within a page, a picture says of what language it is.
            let own = "<svg xmlns=\"http://www.w3.org/2000/svg\" ";
            let svg = crate::guess::svg(&scene.objects).replacen("<svg ", own, 1);
            ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
        }
        None => refused(StatusCode::NOT_FOUND, format!("there is no scene `{name}`")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    scene: usize,
    rounds: usize,
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    scene: usize,
    seed: u64,
    questions: Vec<String>,
}

async fn play(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Play>, JsonRejection>,
) -> Response {
    let Json(Play { scene, rounds, seed }) = match body {
        Ok(body) => body,
        Err(wrong) => return refused(wrong.status(), wrong.body_text()),
    };
    if rounds > ROUNDS {
        return too_many(rounds);
    }
    compute(shared, move |Shared { agents, pool, .. }| agents.play(pool, scene, rounds, seed)).await
}

async fn ask(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Ask>, JsonRejection>,
) -> Response {
    let Json(Ask { scene, seed, questions }) = match body {
        Ok(body) => body,
        Err(wrong) => return refused(wrong.status(), wrong.body_text()),
    };
    if questions.len() > ROUNDS {
        return too_many(questions.len());
    }
    if let Some(long) = questions.iter().find(|question| question.len() > QUESTION) {
        let reason = format!("a question of {} bytes, expected at most {QUESTION}", long.len());
        return refused(StatusCode::UNPROCESSABLE_ENTITY, reason);
    }
    let answer =
        move |Shared { agents, pool, .. }: &Shared| agents.answer(pool, scene, &questions, seed);
    compute(shared, answer).await
}

fn too_many(rounds: usize) -> Response {
    let reason = format!("{rounds} rounds, expected at most {ROUNDS}");
    refused(StatusCode::UNPROCESSABLE_ENTITY, reason)
}

/// Plays a game when its turn comes. Whoever gives up before that costs nothing.
async fn compute(
    shared: Arc<Shared>,
    game: impl FnOnce(&Shared) -> Result<Game> + Send + 'static,
) -> Response {
    let busy = || refused(StatusCode::SERVICE_UNAVAILABLE, "the server is going down".into());
    let Ok(turn) = shared.turns.clone().acquire_owned().await else { return busy() };
    let played = tokio::task::spawn_blocking(move || {
        let game = game(&shared);
        // A game goes on when its client is gone: the turn is its own until it is over.
        drop(turn);
        game
    });
    match played.await {
        Ok(Ok(game)) => Json(Shown::from(game)).into_response(),
        Ok(Err(wrong @ (Error::Question { .. } | Error::Empty { .. }))) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, wrong.to_string())
        }
        Ok(Err(failed)) => refused(StatusCode::INTERNAL_SERVER_ERROR, failed.to_string()),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "the game came to no end".into()),
    }
}

/// A game for the page.
#[derive(Serialize)]
struct Shown {
    scene: String,
    description: String,
    pool: usize,
    caption: String,
    percentile: f64,
    nearest: Vec<ShownScene>,
    rounds: Vec<ShownRound>,
}

#[derive(Serialize)]
struct ShownRound {
    question: String,
    answer: String,
    is_true: Option<bool>,
    percentile: f64,
    nearest: Vec<ShownScene>,
}

#[derive(Serialize)]
struct ShownScene {
    place: usize,
    scene: String,
    description: String,
    is_right: bool,
}

impl From<Game> for Shown {
    fn from(game: Game) -> Self {
        let near = |nearest: Vec<Nearest>| {
            let shown = |Nearest { place, scene, objects, is_right }| {
                let description = crate::guess::described(&objects);
                ShownScene { place, scene, description, is_right }
            };
            nearest.into_iter().map(shown).collect()
        };
        let round = |Played { question, answer, is_true, percentile, nearest }| ShownRound {
            question,
            answer,
            is_true,
            percentile,
            nearest: near(nearest),
        };
        Self {
            description: crate::guess::described(&game.objects),
            scene: game.scene,
            pool: game.pool,
            caption: game.caption,
            percentile: game.percentile,
            nearest: near(game.nearest),
            rounds: game.rounds.into_iter().map(round).collect(),
        }
    }
}
