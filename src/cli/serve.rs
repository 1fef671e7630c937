//! `sesgate serve`: the relay, until it is told to stop.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Following, Reloader};
use crate::cli::{Exit, problems};
use crate::config::{self, Config, Environment, Reading};
use crate::telemetry::{AuditLog, flush_log, start_log};

/// For the last records, and the last lines of the log, to be written; a pipe that nobody reads takes none.
const LAST_LINES_TIME: Duration = Duration::from_secs(2);

pub fn run(path: Option<&Path>) -> Exit {
    let (path, environment) = (path.map(Path::to_owned), std::env::vars_os().collect::<Environment>());
    let source = move || config::read(path.as_deref(), &environment, None);
    let Reading { config, footprint } = source();
    let config = match config {
        Ok(config) => config,
        Err(errors) => return problems::refuse(&problems::of_configuration(&errors)),
    };
    let log_level = match start_log(&config.log) {
        Ok(level) => Some(level),
        Err(error) => return problems::refuse(&[problems::of_error("log.level", &error)]),
    };
    let audit = match AuditLog::open(&config.audit) {
        Ok(audit) => Arc::new(audit),
        Err(error) => return problems::refuse(&[problems::of_error("audit.file", &error)]),
    };
    let exit = match runtime() {
        Ok(runtime) => {
            let following = Following { source: Arc::new(source), footprint, log_level };
            runtime.block_on(serve(config, Arc::clone(&audit), following))
        }
        Err(error) => {
            problems::show(&[problems::of_error("", &error)]);
            Exit::Failed
        }
    };
    audit.close(LAST_LINES_TIME);
    flush_log(LAST_LINES_TIME);
    exit
}

/// With half as many threads as there are processors. Threads that hand work to each other spend a quarter of a mail's
/// time on that, and what the kernel does for sockets and logs needs processors too.
fn runtime() -> io::Result<Runtime> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    Builder::new_multi_thread().worker_threads(processors.div_ceil(2)).enable_all().build()
}

async fn serve(config: Config, audit: Arc<AuditLog>, following: Following) -> Exit {
    let told_to_stop = told_to_stop();
    // Watched from here on, as the signal would end the process otherwise.
    let told_to_reload = signal(SignalKind::hangup());
    let app = match App::start(&config, audit) {
        Ok(app) => app,
        Err(error) => return problems::refuse(&problems::of_start(&error)),
    };
    let reloader = app.follow(following);
    // Mail is taken already, so whoever stops the relay does not wait for SES either.
    tokio::select! {
        () = told_to_stop => {}
        () = app.keep_proven() => {}
        () = reload_when_told(told_to_reload, &reloader) => {}
    }
    tracing::info!("stopping: no new connections; finishing what is in hand");
    app.stop().await;
    tracing::info!("stopped");
    Exit::Done
}

/// SIGHUP. The files are watched as well: this is for who does not want to wait.
async fn reload_when_told(told: io::Result<Signal>, reloader: &Reloader) {
    if let Ok(mut told) = told {
        while told.recv().await.is_some() {
            reloader.reload().await;
        }
    }
    std::future::pending::<()>().await;
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
