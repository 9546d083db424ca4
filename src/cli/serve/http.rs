//! The connections: hyper reads requests within limits, a few threads answer them, Ctrl-C ends all of it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::serve::{Access, Answer, Request, Source, respond};

use super::super::failure::Failure;

/// Connections at the same time; further ones wait.
const CONNECTIONS: usize = 64;
/// Requests that wait for an answer; further ones are turned away.
const WAITING: usize = 64;
/// Threads that answer: a page that is being built must not keep the others waiting.
const THREADS: usize = 4;
/// Bytes of a request's head. Bodies are not read.
const HEAD: usize = 16 * 1024;
/// Headers of a request.
const HEADERS: usize = 64;
/// How long a connection may stay without a request.
const IDLE: Duration = Duration::from_secs(20);
/// How long a connection lasts at most, and how long its last answer may take then.
const LIFE: Duration = Duration::from_secs(600);
const GRACE: Duration = Duration::from_secs(20);

/// A request and where its answer goes.
type Errand = (Request, oneshot::Sender<Answer>);

/// Told when the server is to end: at the first Ctrl-C (or SIGTERM). A second one ends the process at once.
pub(super) fn stop_on_signal() -> Result<Arc<Notify>, Failure> {
    let (stop, seen) = (Arc::new(Notify::new()), AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        told.notify_one();
    });
    Ok(set.map(|()| stop).context("watch for Ctrl-C")?)
}

/// Answers until `stop` is told.
pub(super) fn serve(
    listener: TcpListener,
    access: &Access,
    source: &(dyn Source + Sync),
    stop: &Notify,
) -> Result<(), Failure> {
    let (give, take) = bounded::<Errand>(WAITING);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let take = take.clone();
            scope.spawn(move || answer_all(&take, access, source));
        }
        drop(take);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start the server")?;
        let done = runtime.block_on(accept(listener, give, stop));
        // Connections end here, and with them the last of those that ask; the threads then find nobody.
        drop(runtime);
        done
    })
}

fn answer_all(errands: &Receiver<Errand>, access: &Access, source: &dyn Source) {
    for (request, reply) in errands {
        // One page that cannot be made is not the end of the others; the panic itself is printed by its hook.
        let answered = catch_unwind(AssertUnwindSafe(|| respond(&request, access, source)));
        if let Ok(answer) = answered {
            // A browser that has gone away needs no answer.
            let _ = reply.send(answer);
        }
    }
}

async fn accept(listener: TcpListener, errands: Sender<Errand>, stop: &Notify) -> Result<(), Failure> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let next = async { (place.await, listener.accept().await) };
        let Some((place, accepted)) = unless(stop, next).await else {
            return Ok(());
        };
        match accepted {
            Ok((stream, _)) => {
                let errands = errands.clone();
                tokio::spawn(async move {
                    converse(stream, errands).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Too many open files, for instance: what is open now will be closed.
                tracing::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// What comes of some work; nothing where `stop` is told first.
async fn unless<T>(stop: &Notify, work: impl Future<Output = T>) -> Option<T> {
    let (mut stopped, mut work) = (pin!(stop.notified()), pin!(work));
    poll_fn(|context| match stopped.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(context).map(Some),
    })
    .await
}

/// One connection, with all its requests.
async fn converse(stream: TcpStream, errands: Sender<Errand>) {
    let service = service_fn(|request: hyper::Request<Incoming>| answer(request, errands.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = match tokio::time::timeout(LIFE, connection.as_mut()).await {
        Ok(ended) => ended,
        Err(_) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    errands: Sender<Errand>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (reply, answer) = oneshot::channel();
    let sent = errands.try_send((plain(&request), reply));
    Ok(match sent {
        Err(TrySendError::Full(_)) => bare(503, "too many requests at once: try again\n"),
        Err(TrySendError::Disconnected(_)) => bare(503, "this server is ending\n"),
        Ok(()) => match answer.await {
            Ok(answer) => response(answer),
            Err(_) => bare(500, "this page cannot be made: see what mae-exp serve printed\n"),
        },
    })
}

fn plain(request: &hyper::Request<Incoming>) -> Request {
    let headers = request.headers();
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    Request {
        method: request.method().as_str().to_owned(),
        target: request
            .uri()
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        host: single(headers).map(str::to_owned),
        cookies: cookies.collect::<Vec<_>>().join("; "),
    }
}

/// The `Host` header, where there is exactly one.
fn single(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(HOST).iter();
    let one = all.next().filter(|_| all.next().is_none())?;
    one.to_str().ok()
}

fn response(answer: Answer) -> hyper::Response<Full<Bytes>> {
    let length = answer.body.len();
    let mut response = bare(answer.status, Bytes::from_owner(answer.body));
    let headers = response.headers_mut();
    // A HEAD request gets the length of what a GET would bring.
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    for (name, value) in answer.headers {
        let Ok(value) = HeaderValue::try_from(value) else {
            // Nothing goes out without the headers that keep it in.
            return bare(500, "this page cannot be sent\n");
        };
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).expect("headers have plain names"),
            value,
        );
    }
    response
}

fn bare(status: u16, body: impl Into<Bytes>) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(body.into()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    response
}
