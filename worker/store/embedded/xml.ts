/** The few shapes of XML that S3 speaks. */
export type XmlValue = string | number | boolean | XmlObject | readonly XmlValue[] | undefined;
export interface XmlObject {
  readonly [name: string]: XmlValue;
}

export function xmlDocument(root: string, content: XmlObject): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${render(content)}</${root}>`;
}

function render(content: XmlObject): string {
  return Object.entries(content)
    .map(([name, value]) => element(name, value))
    .join('');
}

function element(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((item) => element(name, item)).join('');
  const inner = typeof value === 'object' ? render(value as XmlObject) : escapeXml(String(value));
  return `<${name}>${inner}</${name}>`;
}

const escapeXml = (text: string): string => text.replace(/[&<>"'\r]/g, (character) => `&#${character.charCodeAt(0)};`);

/** The texts of every `<name>` directly inside each `<parent>`, e.g. the parts of a CompleteMultipartUpload. */
export function childrenOf(xml: string, parent: string): readonly Readonly<Record<string, string>>[] {
  const elements = xml.matchAll(new RegExp(`<${parent}(?:\\s[^>]*)?>(.*?)</${parent}>`, 'gs'));
  return [...elements].map(([, inner = '']) =>
    Object.fromEntries(
      [...inner.matchAll(/<(\w+)>([^<]*)<\/\1>/g)].map(([, name = '', text = '']) => [name, unescapeXml(text)]),
    ),
  );
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) =>
    hex
      ? String.fromCodePoint(Number.parseInt(hex, 16))
      : decimal
        ? String.fromCodePoint(Number(decimal))
        : (named[name] ?? whole),
  );
