//! Reads recordings of XML-RPC, and the few things that the replay looks for in answers.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    calls: Vec<RecordedCall>,
}

#[derive(Deserialize)]
struct RecordedCall {
    name: String,
    client_seconds: f64,
    http: Vec<RecordedHttp>,
}

#[derive(Deserialize)]
struct RecordedHttp {
    request: String,
    response_head: String,
    response_body: String,
}

/// One request and its answer.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) client_seconds: f64,
    pub(super) request: Vec<u8>,
    pub(super) response_head: String,
    pub(super) response_body: Vec<u8>,
}

pub(super) struct Recording {
    pub(super) exchanges: Vec<Exchange>,
}

/// The file holds each byte as the character of that number.
fn bytes(text: &str) -> Vec<u8> {
    let byte = |character| u8::try_from(u32::from(character)).expect("a byte a character");
    text.chars().map(byte).collect()
}

impl Recording {
    pub(super) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).expect("the recording can be read");
        let file: File = serde_json::from_slice(&text).expect("the recording has the known form");
        let exchanges = file.calls.into_iter().flat_map(|call| {
            call.http.into_iter().map(move |http| Exchange {
                name: call.name.clone(),
                client_seconds: call.client_seconds,
                request: bytes(&http.request),
                response_head: http.response_head,
                response_body: bytes(&http.response_body),
            })
        });
        Self {
            exchanges: exchanges.collect(),
        }
    }

    pub(super) fn longest_call_seconds(&self) -> u64 {
        let longest = self
            .exchanges
            .iter()
            .map(|exchange| exchange.client_seconds);
        longest.fold(0.0, f64::max).ceil() as u64
    }
}

impl Exchange {
    /// What follows the head of the request.
    pub(super) fn body(&self) -> &[u8] {
        let end = self
            .request
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        &self.request[end.expect("a head of the request") + 4..]
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response_head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn content_type(&self) -> &str {
        self.header("Content-Type").unwrap_or_default()
    }

    pub(super) fn answer(&self) -> String {
        String::from_utf8_lossy(&self.response_body).into_owned()
    }

    /// The fault of the answer: code and text.
    pub(super) fn fault(&self) -> Option<(i64, String)> {
        let answer = self.answer();
        let code = members(&answer, "faultCode").into_iter().next()?;
        let text = members(&answer, "faultString").into_iter().next()?;
        Some((code.parse().ok()?, text))
    }

    /// When the answer was sent, as time since 1970.
    pub(super) fn date(&self) -> Duration {
        let date = self.header("Date").expect("a recorded answer has its date");
        Duration::from_secs(http_date(date).expect("a date of HTTP"))
    }
}

/// Seconds since 1970 of a date such as `Sun, 22 Nov 2026 11:16:28 GMT`.
fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == month_name)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut time = words
        .next()?
        .split(':')
        .map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // Days of the civil calendar since 1970, years counted from March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The values of all members of a name, in their order, as text.
pub(super) fn members(xml: &str, name: &str) -> Vec<String> {
    let start = format!("<name>{name}</name>\n<value>");
    let values = xml.split(start.as_str()).skip(1).filter_map(scalar);
    values.collect()
}

/// The only value of an answer, if it is a text.
pub(super) fn text(xml: &str) -> Option<String> {
    let (_, value) = xml.split_once("<param>\n<value>")?;
    value
        .starts_with("<string>")
        .then(|| scalar(value))
        .flatten()
}

/// The value in front of the text: `<string>…</string>` and the like.
fn scalar(xml: &str) -> Option<String> {
    let (_, rest) = xml.split_once('>')?;
    let (value, _) = rest.split_once("</")?;
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}

/// The answer without the numbers that depend on the time, and these.
pub(super) fn without_expiry(xml: &str) -> (String, Vec<u64>) {
    const START: &str = "<name>expires_in_seconds</name>\n<value><int>";
    let mut parts = xml.split(START);
    let mut rest = parts.next().unwrap_or_default().to_owned();
    let mut seconds = Vec::new();
    for part in parts {
        let (number, after) = part.split_once('<').expect("a number ends");
        seconds.push(number.parse().expect("seconds are a number"));
        rest.push_str(START);
        rest.push('<');
        rest.push_str(after);
    }
    (rest, seconds)
}

/// Status, content type and body of an HTTP answer, once all of it is there.
pub(super) fn parse_answer(answer: &[u8]) -> Option<(u16, String, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let header = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length: usize = header("content-length")?.parse().ok()?;
    let body = answer.get(end + 4..end + 4 + length)?.to_vec();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, header("content-type")?, body))
}

#[test]
fn recorded_dates_are_read_as_seconds_since_1970() {
    assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(
        http_date("Sun, 22 Nov 2026 11:16:28 GMT"),
        Some(1_795_346_188)
    );
    assert_eq!(
        http_date("Thu, 29 Feb 2024 23:59:59 GMT"),
        Some(1_709_251_199)
    );
}
