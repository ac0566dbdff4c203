// JSON as it flows between a charm and its host.

const enum Kind { Absent, Null, Bool, Number, Text, List, Object }

/** One JSON value. What is not there is absent: every method answers its zero. */
export class Json {
  kind: i32 = Kind.Absent;
  /** The text of a string; a number or truth value as it was written. */
  raw: string = "";
  /** An array's elements, an object's members. */
  list: Json[] = [];
  /** An object's names, in the order of list. */
  names: string[] = [];

  /** The object's member of that name. */
  get(name: string): Json {
    const at = this.names.indexOf(name);
    return at < 0 ? new Json() : this.list[at];
  }

  /** Whether there is a value that is not null. */
  get exists(): bool { return this.kind > Kind.Null; }

  /** The text of a string, "" of anything else. */
  get str(): string { return this.kind == Kind.Text ? this.raw : ""; }

  /** A string as it is and any other value as JSON; "" when absent or null. */
  get text(): string {
    if (this.kind == Kind.List || this.kind == Kind.Object) {
      const w = new Writer();
      w.value(this);
      return w.text;
    }
    return this.raw;
  }

  /** A whole number, 0 of anything else. */
  get int(): i64 {
    if (this.kind != Kind.Number) return 0;
    for (let i = 0; i < this.raw.length; i++) {
      const c = this.raw.charCodeAt(i);
      if (c == 46 || c == 69 || c == 101) return <i64>this.float; // . E e
    }
    return I64.parseInt(this.raw);
  }

  /** A number, 0 of anything else. */
  get float(): f64 { return this.kind == Kind.Number ? F64.parseFloat(this.raw) : 0; }

  /** Whether the value is true. */
  get bool(): bool { return this.kind == Kind.Bool && this.raw == "true"; }

  /** An object of texts. */
  get map(): Map<string, string> {
    const out = new Map<string, string>();
    for (let i = 0; i < this.names.length; i++) out.set(this.names[i], this.list[i].text);
    return out;
  }

  get isObject(): bool { return this.kind == Kind.Object; }
}

/** Reads one JSON value and nothing else; null when the text is none. */
export function parse(text: string): Json | null {
  const p = new Parser(text);
  p.space();
  const v = p.value(0);
  p.space();
  return p.bad || p.i != text.length ? null : v;
}

class Parser {
  i: i32 = 0;
  bad: bool = false;

  constructor(private s: string) {}

  private peek(): i32 { return this.i < this.s.length ? this.s.charCodeAt(this.i) : -1; }

  space(): void {
    for (let c = this.peek(); c == 32 || c == 10 || c == 13 || c == 9; c = this.peek()) this.i++;
  }

  private take(c: i32): bool {
    if (this.peek() != c) return false;
    this.i++;
    return true;
  }

  private need(c: i32): void { if (!this.take(c)) this.bad = true; }

  private word(word: string, kind: i32): Json {
    const v = new Json();
    v.kind = kind;
    if (this.s.substr(this.i, word.length) != word) this.bad = true;
    this.i += word.length;
    if (kind == Kind.Bool) v.raw = word;
    return v;
  }

  value(depth: i32): Json {
    const v = new Json();
    const c = this.peek();
    if (depth > 200 || c < 0) {
      this.bad = true;
    } else if (c == 123 || c == 91) { // { [
      this.collection(v, c == 123, depth);
    } else if (c == 34) { // "
      v.kind = Kind.Text;
      v.raw = this.string();
    } else if (c == 116) {
      return this.word("true", Kind.Bool);
    } else if (c == 102) {
      return this.word("false", Kind.Bool);
    } else if (c == 110) {
      return this.word("null", Kind.Null);
    } else {
      this.number(v);
    }
    return v;
  }

  private collection(v: Json, object: bool, depth: i32): void {
    const end = object ? 125 : 93;
    v.kind = object ? Kind.Object : Kind.List;
    this.i++;
    this.space();
    if (this.take(end)) return;
    while (!this.bad) {
      this.space();
      if (object) {
        v.names.push(this.string());
        this.space();
        this.need(58); // :
        this.space();
      }
      v.list.push(this.value(depth + 1));
      this.space();
      if (this.take(end)) return;
      this.need(44); // ,
    }
  }

  private string(): string {
    this.need(34);
    let out = "", start = this.i;
    while (!this.bad) {
      const c = this.peek();
      if (c < 32) {
        this.bad = true;
      } else if (c == 34) {
        out += this.s.substring(start, this.i++);
        break;
      } else if (c == 92) { // a backslash
        out += this.s.substring(start, this.i++) + this.escape();
        start = this.i;
      } else {
        this.i++;
      }
    }
    return out;
  }

  private escape(): string {
    const c = this.peek();
    this.i++;
    switch (c) {
      case 34: return "\"";
      case 92: return "\\";
      case 47: return "/";
      case 98: return "\b";
      case 102: return "\f";
      case 110: return "\n";
      case 114: return "\r";
      case 116: return "\t";
      case 117: return String.fromCharCode(this.hex4());
    }
    this.bad = true;
    return "";
  }

  private hex4(): i32 {
    let n = 0;
    for (let k = 0; k < 4; k++) {
      const c = this.peek() | 32;
      const digit = c >= 48 && c <= 57 ? c - 48 : c >= 97 && c <= 102 ? c - 87 : -1;
      if (digit < 0) this.bad = true;
      n = n << 4 | digit;
      this.i++;
    }
    return n;
  }

  private digits(): void {
    const start = this.i;
    while (this.peek() >= 48 && this.peek() <= 57) this.i++;
    if (this.i == start) this.bad = true;
  }

  private number(v: Json): void {
    const start = this.i;
    this.take(45);
    if (!this.take(48)) this.digits();
    if (this.take(46)) this.digits();
    if (this.take(101) || this.take(69)) {
      if (!this.take(43)) this.take(45);
      this.digits();
    }
    v.kind = Kind.Number;
    v.raw = this.s.substring(start, this.i);
  }
}

/** Writes JSON. Members that are empty are left out by the methods that write them. */
export class Writer {
  text: string = "";
  private more: bool = false;

  /** Begins an object: the usual start of a request. */
  static object(): Writer {
    const w = new Writer();
    w.open("{");
    return w;
  }

  private put(text: string): void {
    this.text += this.more ? "," + text : text;
    this.more = true;
  }

  open(bracket: string): void {
    this.put(bracket);
    this.more = false;
  }

  close(bracket: string): void {
    this.text += bracket;
    this.more = true;
  }

  name(name: string): void {
    this.put(quote(name) + ":");
    this.more = false;
  }

  string(text: string): void { this.put(quote(text)); }

  /** A member that is a string, unless it is empty. */
  member(name: string, value: string): void {
    if (value.length == 0) return;
    this.name(name);
    this.string(value);
  }

  /** A member that is a number, unless it is 0. */
  int(name: string, value: i64): void {
    if (value == 0) return;
    this.name(name);
    this.put(value.toString());
  }

  /** A member that is true, and nothing when it is false. */
  bool(name: string, value: bool): void {
    if (!value) return;
    this.name(name);
    this.put("true");
  }

  /** A member that is an array of strings, unless it is empty. */
  strings(name: string, values: string[]): void {
    if (values.length == 0) return;
    this.name(name);
    this.open("[");
    for (let i = 0; i < values.length; i++) this.string(values[i]);
    this.close("]");
  }

  /** A member that is an object of strings in the order of its keys, unless it is empty. */
  map(name: string, values: Map<string, string>): void {
    const keys = values.keys().sort();
    if (keys.length == 0) return;
    this.name(name);
    this.open("{");
    for (let i = 0; i < keys.length; i++) {
      this.name(keys[i]);
      this.string(values.get(keys[i]));
    }
    this.close("}");
  }

  /** Any value. */
  value(v: Json): void {
    if (v.kind == Kind.Text) return this.string(v.raw);
    if (v.kind != Kind.List && v.kind != Kind.Object) return this.put(v.exists ? v.raw : "null");
    this.open(v.isObject ? "{" : "[");
    for (let i = 0; i < v.list.length; i++) {
      if (v.isObject) this.name(v.names[i]);
      this.value(v.list[i]);
    }
    this.close(v.isObject ? "}" : "]");
  }
}

/** A text as a JSON string; half a pair becomes U+FFFD when the text leaves as UTF-8. */
export function quote(text: string): string {
  let out = "\"", start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 32 && c != 34 && c != 92) continue;
    out += text.substring(start, i);
    start = i + 1;
    if (c == 34) out += "\\\"";
    else if (c == 92) out += "\\\\";
    else if (c == 10) out += "\\n";
    else if (c == 13) out += "\\r";
    else if (c == 9) out += "\\t";
    else out += "\\u00" + (c < 16 ? "0" : "") + c.toString(16);
  }
  return out + text.substring(start) + "\"";
}

/** Decodes base64 that holds UTF-8; what is no base64 is "". */
export function base64(text: string): string {
  const out = new Uint8Array(text.length);
  let n = 0, bits: u32 = 0, have = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 61) break; // =
    const digit = c >= 65 && c <= 90 ? c - 65 : c >= 97 && c <= 122 ? c - 71 : c >= 48 && c <= 57 ? c + 4 : c == 43 ? 62 : c == 47 ? 63 : -1;
    if (digit < 0) return "";
    bits = bits << 6 | digit;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out[n++] = <u8>(bits >> have);
    }
  }
  return String.UTF8.decodeUnsafe(out.dataStart, n);
}
