//! JSON as it flows between a charm and its host.

use crate::Map;

/// One JSON value. Numbers keep the text that they were written as. Absent is what is not there; every method answers its zero.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Absent,
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

static ABSENT: Json = Json::Absent;

impl Json {
    /// The object's member of that name.
    pub fn get(&self, name: &str) -> &Json {
        self.members().iter().find(|(k, _)| k == name).map_or(&ABSENT, |(_, v)| v)
    }

    /// An object's members in their order.
    pub fn members(&self) -> &[(String, Json)] {
        match self {
            Json::Object(members) => members,
            _ => &[],
        }
    }

    /// An array's elements.
    pub fn elements(&self) -> &[Json] {
        match self {
            Json::List(elements) => elements,
            _ => &[],
        }
    }

    /// Whether there is a value that is not null.
    pub fn exists(&self) -> bool {
        !matches!(self, Json::Absent | Json::Null)
    }

    /// The text of a string, "" of anything else.
    pub fn str(&self) -> &str {
        match self {
            Json::Text(text) => text,
            _ => "",
        }
    }

    /// A string as it is and any other value as JSON; "" when absent or null.
    pub fn text(&self) -> String {
        match self {
            Json::Absent | Json::Null => String::new(),
            Json::Text(text) => text.clone(),
            other => {
                let mut w = Writer::default();
                w.value(other);
                w.text
            }
        }
    }

    /// A whole number, 0 of anything else.
    pub fn int(&self) -> i64 {
        match self {
            Json::Number(text) => text.parse().unwrap_or_else(|_| self.float() as i64),
            _ => 0,
        }
    }

    /// A number, 0 of anything else.
    pub fn float(&self) -> f64 {
        match self {
            Json::Number(text) => text.parse().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// Whether the value is true.
    pub fn bool(&self) -> bool {
        matches!(self, Json::Bool(true))
    }

    /// An object of texts.
    pub fn map(&self) -> Map {
        self.members().iter().map(|(k, v)| (k.clone(), v.text())).collect()
    }
}

/// Reads one JSON value and nothing else.
pub fn parse(text: &str) -> Result<Json, String> {
    let mut p = Parser { b: text.as_bytes(), i: 0 };
    p.space();
    let value = p.value(0).ok_or_else(|| format!("not JSON at byte {}", p.i))?;
    p.space();
    if p.i != text.len() {
        return Err(format!("more text follows the JSON value at byte {}", p.i));
    }
    Ok(value)
}

struct Parser<'a> {
    b: &'a [u8],
    i: usize,
}

impl Parser<'_> {
    fn peek(&self) -> u8 {
        *self.b.get(self.i).unwrap_or(&0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.i += 1;
        }
    }

    fn take(&mut self, c: u8) -> bool {
        let found = self.i < self.b.len() && self.b[self.i] == c;
        self.i += found as usize;
        found
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        let found = self.b[self.i..].starts_with(word.as_bytes());
        self.i += word.len();
        Some(value).filter(|_| found)
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > 200 || self.i >= self.b.len() {
            return None;
        }
        match self.peek() {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Json::Text),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        let mut list = Vec::new();
        self.i += 1;
        self.space();
        if self.take(b']') {
            return Some(Json::List(list));
        }
        loop {
            self.space();
            list.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Some(Json::List(list));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        let mut list = Vec::new();
        self.i += 1;
        self.space();
        if self.take(b'}') {
            return Some(Json::Object(list));
        }
        loop {
            self.space();
            let name = self.text()?;
            self.space();
            if !self.take(b':') {
                return None;
            }
            self.space();
            list.push((name, self.value(depth + 1)?));
            self.space();
            if self.take(b'}') {
                return Some(Json::Object(list));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut out = Vec::new();
        if !self.take(b'"') {
            return None;
        }
        loop {
            let c = *self.b.get(self.i)?;
            self.i += 1;
            match c {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => self.escape(&mut out)?,
                c if c < b' ' => return None,
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let c = *self.b.get(self.i)?;
        self.i += 1;
        out.push(match c {
            b'"' | b'\\' | b'/' => c,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = self.unicode()?;
                out.extend(unit.to_string().as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.b.get(self.i..self.i + 4)?).ok()?;
        if !digits.bytes().all(|d| d.is_ascii_hexdigit()) {
            return None;
        }
        self.i += 4;
        u32::from_str_radix(digits, 16).ok()
    }

    /// What follows \u, of a pair both halves; a half alone is U+FFFD.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or('\u{fffd}'));
        }
        let at = self.i;
        if self.take(b'\\') && self.take(b'u') {
            if let Some(low) = self.hex4().filter(|low| (0xdc00..0xe000).contains(low)) {
                return char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            }
        }
        self.i = at;
        Some('\u{fffd}')
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.i;
        while self.peek().is_ascii_digit() {
            self.i += 1;
        }
        Some(()).filter(|_| self.i > start)
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.i;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Some(Json::Number(String::from_utf8_lossy(&self.b[start..self.i]).into_owned()))
    }
}

/// Writes JSON. Members that are empty are left out by the methods that write them.
#[derive(Default)]
pub struct Writer {
    pub text: String,
    more: bool,
}

impl Writer {
    /// Begins an object: the usual start of a request.
    pub fn object() -> Writer {
        let mut w = Writer::default();
        w.open('{');
        w
    }

    fn comma(&mut self) {
        if self.more {
            self.text.push(',');
        }
        self.more = true;
    }

    pub fn open(&mut self, bracket: char) {
        self.comma();
        self.text.push(bracket);
        self.more = false;
    }

    pub fn close(&mut self, bracket: char) {
        self.text.push(bracket);
        self.more = true;
    }

    pub fn name(&mut self, name: &str) {
        self.comma();
        self.quote(name);
        self.text.push(':');
        self.more = false;
    }

    pub fn string(&mut self, text: &str) {
        self.comma();
        self.quote(text);
    }

    pub fn raw(&mut self, text: &str) {
        self.comma();
        self.text.push_str(text);
    }

    /// A member that is a string, unless it is empty.
    pub fn member(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.name(name);
            self.string(value);
        }
    }

    /// A member that is a number, unless it is 0.
    pub fn int(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.name(name);
            self.raw(&value.to_string());
        }
    }

    /// A member that is true, and nothing when it is false.
    pub fn bool(&mut self, name: &str, value: bool) {
        if value {
            self.name(name);
            self.raw("true");
        }
    }

    /// A member that is an array of strings, unless it is empty.
    pub fn list<S: AsRef<str>>(&mut self, name: &str, values: &[S]) {
        if !values.is_empty() {
            self.name(name);
            self.open('[');
            values.iter().for_each(|v| self.string(v.as_ref()));
            self.close(']');
        }
    }

    /// A member that is an object of strings, unless it is empty.
    pub fn map(&mut self, name: &str, values: &Map) {
        if !values.is_empty() {
            self.name(name);
            self.open('{');
            for (key, value) in values {
                self.name(key);
                self.string(value);
            }
            self.close('}');
        }
    }

    /// Any value.
    pub fn value(&mut self, value: &Json) {
        match value {
            Json::Absent | Json::Null => self.raw("null"),
            Json::Bool(v) => self.raw(if *v { "true" } else { "false" }),
            Json::Number(text) => self.raw(text),
            Json::Text(text) => self.string(text),
            Json::List(list) => {
                self.open('[');
                list.iter().for_each(|v| self.value(v));
                self.close(']');
            }
            Json::Object(members) => {
                self.open('{');
                for (name, v) in members {
                    self.name(name);
                    self.value(v);
                }
                self.close('}');
            }
        }
    }

    fn quote(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.text.extend(['\\', c]),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c < ' ' => self.text.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

/// Texts as JSON strings.
pub fn quote(text: &str) -> String {
    let mut w = Writer::default();
    w.string(text);
    w.text
}

/// Decodes base64; what is no base64 is empty, what is no UTF-8 becomes U+FFFD.
pub(crate) fn base64(text: &str) -> String {
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for c in text.bytes().take_while(|c| *c != b'=') {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return String::new(),
        };
        bits = bits << 6 | digit as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
