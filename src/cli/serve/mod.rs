//! `mae-exp serve [SWEEP]`: reports in a browser while sweeps run, from a local server that only reads.

mod desk;
mod http;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs as _};

use mae_strategies::Registry;
use serde_json::json;

use crate::serve::{Access, SHORTEST_TOKEN};

use super::failure::Failure;
use super::options::StoreOption;
use super::{outside, progress};
use desk::Desk;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sweep whose report the printed address leads to: name, id, unique prefix of an id, or latest. Without it, the list of
    /// all sweeps.
    sweep: Option<String>,
    /// Address to listen on. Others than this machine's own (127.0.0.1, ::1, localhost) let other machines in, and need a token.
    #[arg(long, value_name = "HOST", default_value_t = Ipv4Addr::LOCALHOST.to_string())]
    host: String,
    /// Port to listen on; 0 takes one that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Show pages only to those who have this token, of 16 characters or more. For other hosts than this machine one is drawn
    /// and printed where none is given. Better in MAE_EXP_TOKEN than here, where other users of the machine can see it.
    #[arg(long, value_name = "TOKEN", env = "MAE_EXP_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print the address as one line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreOption,
}

pub(super) fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    // Opened as other commands open it: an older schema is brought up to date, a store that is not there is said at once.
    let store = args.store.existing()?;
    let sweep = args.sweep.as_ref().map(|word| store.find_sweep(word)).transpose()?;
    drop(store);
    let address = resolve(args)?;
    let token = token(args, address.ip())?;
    let listener = listen(args, address)?;
    let bound = listener.local_addr()?;
    let access = access(args, bound, token.as_deref());
    let stop = http::stop_on_signal()?;
    announce(args, &url(args, bound, token.as_deref(), sweep.map(|sweep| sweep.id)))?;
    let desk = Desk::new(&args.store.store, registry);
    http::serve(listener, &access, &desk, &stop)
}

/// The address to listen on.
fn resolve(args: &Args) -> Result<SocketAddr, Failure> {
    let host = args.host.trim_start_matches('[').trim_end_matches(']');
    let found = (host, args.port).to_socket_addrs();
    found.ok().and_then(|mut all| all.next()).ok_or_else(|| {
        Failure::usage(format!(
            "no address is called {}: give --host an address of this machine, such as 127.0.0.1",
            args.host
        ))
    })
}

/// The token that is asked for: the one given, or one that is drawn where others than this machine can come in.
fn token(args: &Args, address: IpAddr) -> Result<Option<String>, Failure> {
    match &args.token {
        Some(token) if token.chars().count() < SHORTEST_TOKEN => Err(Failure::usage(format!(
            "--token is too short: give {SHORTEST_TOKEN} characters or more, such as {}",
            outside::new_token()
        ))),
        Some(token) => Ok(Some(token.clone())),
        None if address.is_loopback() => Ok(None),
        None => Ok(Some(outside::new_token())),
    }
}

fn listen(args: &Args, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let cure = if args.port == 0 {
            "give another --host"
        } else {
            "give another --port or --host"
        };
        Failure::usage(format!("cannot listen on {address}: {error}; {cure}"))
    })
}

fn access(args: &Args, bound: SocketAddr, token: Option<&str>) -> Access {
    let (open, number) = (bound.ip().is_unspecified(), bound.ip().to_string());
    let machine = outside::host().filter(|_| open);
    let mut hosts = vec![args.host.as_str(), number.as_str()];
    hosts.extend(machine.as_deref());
    Access::new(&hosts, open, bound.port(), token)
}

/// The address to open.
fn url(args: &Args, bound: SocketAddr, token: Option<&str>, sweep: Option<String>) -> String {
    let host = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => outside::host().unwrap_or_else(|| ip.to_string()),
        IpAddr::V6(ip) if ip.is_unspecified() => outside::host().unwrap_or_else(|| format!("[{ip}]")),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(_) if args.host.parse::<IpAddr>().is_err() => args.host.clone(),
        IpAddr::V4(ip) => ip.to_string(),
    };
    let path = if sweep.is_some() { "sweep" } else { "" };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(sweep.map(|id| ("id", id)));
    query.extend_pairs(token.map(|token| ("token", token)));
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("http://{host}:{}/{path}{mark}{query}", bound.port())
}

fn announce(args: &Args, url: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "url": url }))?;
    } else {
        writeln!(out, "{url}")?;
        progress::tell("serving reports at this address; Ctrl-C ends it");
    }
    Ok(out.flush()?)
}
