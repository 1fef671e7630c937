//! `sesgate serve`: the relay, until it is told to stop.

use std::io::{self, stdout};
use std::path::Path;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::cli::{Exit, problems};
use crate::config::{self, Config};
use crate::telemetry::{JsonLines, start_log};

pub fn run(path: Option<&Path>) -> Exit {
    let config = match config::load(path, &std::env::vars_os().collect()) {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_config(&errors)),
    };
    if let Err(error) = start_log(&config.log) {
        return problems::refuse(&[problems::of_error("log.level", &error)]);
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(serve(config)),
        Err(error) => {
            problems::show(&[problems::of_error("", &error)]);
            Exit::Failed
        }
    }
}

async fn serve(config: Config) -> Exit {
    let told_to_stop = told_to_stop();
    let app = match App::start(&config, Arc::new(JsonLines::new(stdout()))) {
        Ok(app) => app,
        Err(error) => return problems::refuse(&problems::of_start(&error)),
    };
    // Mail is taken already, so whoever stops the relay does not wait for SES either.
    tokio::select! {
        () = told_to_stop => {}
        () = app.keep_proven() => {}
    }
    tracing::info!("stopping: no new connections; finishing what is in hand");
    app.stop().await;
    tracing::info!("stopped");
    Exit::Done
}

/// SIGTERM, as orchestrators send it, or Ctrl-C. Both are watched from this call on, whenever somebody waits.
pub(super) fn told_to_stop() -> impl Future<Output = ()> {
    let [terminate, interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    let come = async |watched: io::Result<Signal>| match watched {
        Ok(mut watched) => drop(watched.recv().await),
        Err(_) => std::future::pending().await,
    };
    async move {
        tokio::select! {
            () = come(terminate) => {}
            () = come(interrupt) => {}
        }
    }
}
