/**
 * A database of places as MaxMind's format describes it (https://maxmind.github.io/MaxMind-DB/): a tree of the bits of
 * addresses, sixteen zeros, the records, and a mark before what the file says of itself. Enough for tests: IPv4, one prefix.
 */
export function makePlacesDatabase(prefix: string, city: string, country: string): Buffer {
  const [address = '', length = ''] = prefix.split('/');
  const bits = address
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('')
    .slice(0, Number(length));
  const count = bits.length;
  // One node a bit: the way of the prefix leads on, the other way to nothing; the last one leads to the record.
  const nodes = [...bits].map((bit, index) => {
    const onward = index === count - 1 ? count + 16 : index + 1;
    return bit === '0' ? [onward, count] : [count, onward];
  });
  const tree = Buffer.alloc(count * 6);
  nodes.forEach(([left, right], index) => {
    tree.writeUIntBE(left!, index * 6, 3);
    tree.writeUIntBE(right!, index * 6 + 3, 3);
  });
  const record = encode({ city: { names: { en: city } }, country: { names: { en: country } } });
  const metadata = encode({
    node_count: uint(count, 6),
    record_size: uint(24, 5),
    ip_version: uint(4, 5),
    database_type: 'Test-City',
    languages: ['en'],
    binary_format_major_version: uint(2, 5),
    binary_format_minor_version: uint(0, 5),
    build_epoch: uint(1_700_000_000, 6),
    description: { en: 'For tests' },
  });
  return Buffer.concat([tree, Buffer.alloc(16), record, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}

interface Uint {
  readonly value: number;
  readonly type: 5 | 6;
}
type Value = string | Uint | Value[] | { [key: string]: Value };

const uint = (value: number, type: Uint['type']): Uint => ({ value, type });
const isUint = (value: object): value is Uint => typeof (value as Uint).value === 'number';

function encode(value: Value): Buffer {
  if (typeof value === 'string') return Buffer.concat([head(2, Buffer.byteLength(value)), Buffer.from(value)]);
  // An array is of the extended types, whose number less seven stands in a byte of its own.
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 4]), ...value.map(encode)]);
  if (isUint(value)) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value.value);
    const short = value.type === 5 ? bytes.subarray(2) : bytes;
    return Buffer.concat([head(value.type, short.length), short]);
  }
  const entries = Object.entries(value);
  return Buffer.concat([head(7, entries.length), ...entries.flatMap(([key, each]) => [encode(key), encode(each)])]);
}

const head = (type: number, size: number): Buffer =>
  size < 29 ? Buffer.from([(type << 5) | size]) : Buffer.from([(type << 5) | 29, size - 29]);
