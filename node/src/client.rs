//! The client side of the HTTP API.
//!
//! What must always hold: requests go straight to the node, never through a proxy named by the
//! environment, because the API is for the local machine.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::{Agent as HttpClient, Body, http};

use crate::api::{
    Change, Conflicts, ExportLine, Found, MemberChange, Members, Op, Problem, Resolve, Status,
    Transact, Transacted, WriteOff, WrittenOff,
};
use crate::failure::Failure;
use crate::text;

use rejoin_crdt::path::Path;

/// A node on the local machine accepts at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The largest transaction commits in a second or two.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers that are one JSON document: a value is at most 256 KiB, a list has at most 1 000 of them.
const MAX_ANSWER_BYTES: u64 = 512 << 20;

/// A node that is asked over HTTP.
#[derive(Debug)]
pub(crate) struct Client {
    http: HttpClient,
    url: String,
}

impl Client {
    /// A client of the node at `url`. Does not connect yet.
    ///
    /// # Errors
    ///
    /// The text is not the `http://` URL of a host and port.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/');
        let parsed = url.parse::<http::Uri>().ok().filter(|uri| {
            uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none()
        });
        if parsed.is_none() {
            let message = format!("{url} is not the URL of a node, such as http://127.0.0.1:8400");
            return Err(Failure::usage(message));
        }
        let config = HttpClient::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .build();
        Ok(Self { http: HttpClient::new_with_config(config), url: url.into() })
    }

    /// What is at a path; `None` if nothing is.
    pub(crate) fn get(&self, path: &Path) -> Result<Option<Found>, Failure> {
        match self.read(&format!("/v1/get?path={}", query(&text::json(path)))) {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(problem)) if problem.code == "not_found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes all changes in one transaction; returns when they are acknowledged.
    pub(crate) fn transact(&self, ops: Vec<Op>) -> Result<Transacted, Failure> {
        self.post("/v1/transact", &Transact { ops })
    }

    /// Everything at and below a path, in key order, from one consistent view.
    pub(crate) fn export(
        &self,
        path: &Path,
    ) -> Result<impl Iterator<Item = Result<ExportLine, Failure>> + use<'_>, Failure> {
        let answer = self.ask(&format!("/v1/export?path={}", query(&text::json(path))))?;
        let lines = BufReader::new(answer.into_reader()).lines();
        // A node that cannot finish breaks the chunked body off, which reads as an error.
        Ok(lines.map(|line| {
            let line = line.map_err(|cause| self.broke_off(cause))?;
            serde_json::from_str(&line).map_err(|cause| self.odd(cause))
        }))
    }

    /// The whole state as the bytes of a snapshot. An answer that breaks off is an error of the reader.
    pub(crate) fn snapshot(&self) -> Result<impl Read + use<>, Failure> {
        Ok(self.ask("/v1/snapshot")?.into_reader())
    }

    /// The conflicts at and below a path.
    pub(crate) fn conflicts(&self, path: &Path) -> Result<Conflicts, Failure> {
        self.read(&format!("/v1/conflicts?path={}", query(&text::json(path))))
    }

    /// Replaces the siblings of a conflict by one value.
    pub(crate) fn resolve(&self, resolve: &Resolve) -> Result<Transacted, Failure> {
        self.post("/v1/resolve", resolve)
    }

    /// The members of the document.
    pub(crate) fn members(&self) -> Result<Members, Failure> {
        self.read("/v1/members")
    }

    /// Changes the member list; returns when that is acknowledged.
    pub(crate) fn change_members(&self, change: &MemberChange) -> Result<Transacted, Failure> {
        self.post("/v1/members", change)
    }

    /// Gives up what is not there of a replica that is lost.
    pub(crate) fn write_off(&self, request: &WriteOff) -> Result<WrittenOff, Failure> {
        self.post("/v1/members/write-off", request)
    }

    /// How the node is.
    pub(crate) fn status(&self) -> Result<Status, Failure> {
        self.read("/v1/status")
    }

    /// Calls `each` with every change at and below a path from now on, or from a token on, until the
    /// node ends the stream.
    pub(crate) fn watch(
        &self,
        path: &Path,
        since: Option<&str>,
        mut each: impl FnMut(WatchEvent) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let since = since.map(|token| format!("&since={}", query(token))).unwrap_or_default();
        let answer = self.ask(&format!("/v1/watch?path={}{since}", query(&text::json(path))))?;
        let mut event = ServerSentEvent::default();
        for line in BufReader::new(answer.into_reader()).lines() {
            let line = line.map_err(|cause| self.broke_off(cause))?;
            if !line.is_empty() {
                event.take(&line);
                continue;
            }
            if let Some(event) = std::mem::take(&mut event).read().map_err(|e| self.odd(e))? {
                each(event)?;
            }
        }
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, target: &str) -> Result<T, Failure> {
        self.parse(self.ask(target)?)
    }

    fn ask(&self, target: &str) -> Result<Body, Failure> {
        let answer = self.http.get(format!("{}{target}", self.url)).call();
        self.judge(answer)
    }

    fn post<T: DeserializeOwned>(&self, target: &str, body: &impl Serialize) -> Result<T, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|cause| self.odd(cause))?;
        let request = self.http.post(format!("{}{target}", self.url));
        let answer = request.header("content-type", "application/json").send(bytes.as_slice());
        self.parse(self.judge(answer)?)
    }

    fn judge(&self, answer: Result<http::Response<Body>, ureq::Error>) -> Result<Body, Failure> {
        let answer = answer.map_err(|cause| match cause {
            ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
                Failure::NoNode { url: self.url.clone(), cause: cause.to_string() }
            }
            ureq::Error::Timeout(_) => {
                Failure::NoNode { url: self.url.clone(), cause: cause.to_string() }
            }
            _ => self.odd(cause),
        })?;
        let (parts, body) = answer.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        match self.parse::<Problem>(body) {
            Ok(problem) => Err(Failure::Refused(problem)),
            Err(_) => Err(self.odd(format_args!("status {}", parts.status))),
        }
    }

    fn parse<T: DeserializeOwned>(&self, body: Body) -> Result<T, Failure> {
        let mut bytes = Vec::new();
        let mut reader = body.into_reader().take(MAX_ANSWER_BYTES);
        reader.read_to_end(&mut bytes).map_err(|cause| self.broke_off(cause))?;
        serde_json::from_slice(&bytes).map_err(|cause| self.odd(cause))
    }

    fn broke_off(&self, cause: io::Error) -> Failure {
        Failure::BrokeOff { url: self.url.clone(), cause }
    }

    fn odd(&self, cause: impl ToString) -> Failure {
        Failure::NotANode { url: self.url.clone(), cause: cause.to_string() }
    }
}

/// What a watch reports.
#[derive(Debug)]
pub(crate) enum WatchEvent {
    /// Something changed.
    Change(Change),
    /// Everything up to here was reported; the first one says that the watch has begun.
    Position {
        /// Resumes after it.
        token: String,
    },
}

/// The lines of one server-sent event.
#[derive(Default)]
struct ServerSentEvent {
    kind: String,
    id: String,
    data: String,
}

impl ServerSentEvent {
    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = value.into(),
            "id" => self.id = value.into(),
            "data" => self.data.push_str(value),
            // Comments keep the connection alive; other fields are not for us.
            _ => {}
        }
    }

    fn read(self) -> Result<Option<WatchEvent>, serde_json::Error> {
        match self.kind.as_str() {
            "change" => Ok(Some(WatchEvent::Change(serde_json::from_str(&self.data)?))),
            "position" => Ok(Some(WatchEvent::Position { token: self.id })),
            _ => Ok(None),
        }
    }
}

/// A text with everything escaped that means something in a query string.
fn query(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_url_without_http_or_with_a_path_is_wrong_usage() {
        for url in ["127.0.0.1:8400", "https://127.0.0.1:8400", "http://127.0.0.1:8400/v1", "x y"] {
            assert!(matches!(Client::new(url), Err(Failure::Usage { .. })), "{url}");
        }
        assert!(Client::new("http://127.0.0.1:8400/").is_ok());
    }

    #[test]
    fn a_server_sent_event_is_read_field_by_field() {
        let mut event = ServerSentEvent::default();
        for line in [": alive", "id: 07", "event: position", "data: {}"] {
            event.take(line);
        }
        let read = event.read().unwrap();
        assert!(matches!(read, Some(WatchEvent::Position { token }) if token == "07"));
    }

    #[test]
    fn an_export_that_breaks_off_is_an_error_after_the_lines_that_came() {
        let line = r#"{"path":["a"],"type":"register","value":1}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{line}\n\r\n",
            line.len() + 1
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let node = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let client = Client::new(&url).unwrap();
        let mut lines = client.export(&Path::ROOT).unwrap();
        assert!(lines.next().unwrap().is_ok());
        assert!(matches!(lines.next(), Some(Err(Failure::BrokeOff { .. }))));
        node.join().unwrap();
    }

    #[test]
    fn query_text_is_escaped_byte_by_byte() {
        assert_eq!(query("[\"é/a\",1]"), "%5B%22%C3%A9%2Fa%22%2C1%5D");
    }
}
