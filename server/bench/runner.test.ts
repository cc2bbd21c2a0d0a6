import { readArguments, UsageError } from './arguments.ts';
import { failedLine, toLine } from './bench.ts';
import { formatLine } from './report.ts';
import { alternate, median, percentile } from './rounds.ts';

const KNOWN = ['gateway.list', 'gateway.build', 'write.create'];

test('no name means all, in their order; names are run in that order too', () => {
  expect(readArguments([], KNOWN)).toEqual({ names: KNOWN, isJson: false });
  expect(readArguments(['write.create', '--json', 'gateway.list'], KNOWN)).toEqual({
    names: ['gateway.list', 'write.create'],
    isJson: true,
  });
});

test('an unknown name is refused with the nearest', () => {
  expect(() => readArguments(['write.creates'], KNOWN)).toThrow(UsageError);
  expect(() => readArguments(['write.creates'], KNOWN)).toThrow('Did you mean write.create?');
  expect(() => readArguments(['nonsense'], KNOWN)).toThrow(
    'The benchmarks are gateway.list, gateway.build, write.create.',
  );
});

test('an unknown option is refused with the usage', () => {
  expect(() => readArguments(['--jsno'], KNOWN)).toThrow(/Usage: npm run -s bench/);
});

test('a line has the headline, its bound, whether it holds, and the detail', () => {
  expect(toLine('gateway.build', { ratio: 1.0499, bound: 1.2, detail: { ms: 512.34, ratios: [1.23456] } })).toEqual({
    name: 'gateway.build',
    ratio: 1.05,
    bound: 1.2,
    ok: true,
    detail: { ms: 512, ratios: [1.23] },
  });
  expect(toLine('gateway.tenants', { value: 61, unit: 'MB', bound: 60, detail: {} })).toEqual({
    name: 'gateway.tenants',
    value: 61,
    unit: 'MB',
    bound: 60,
    ok: false,
    detail: {},
  });
});

test('a bound may be the least, and further conditions must hold as well', () => {
  expect(toLine('write.create', { ratio: 0.5, bound: 0.55, atLeast: true, detail: {} }).ok).toBe(false);
  expect(toLine('write.create', { ratio: 0.6, bound: 0.55, atLeast: true, detail: {} }).ok).toBe(true);
  const line = toLine('write.create', { ratio: 0.6, bound: 0.55, atLeast: true, checks: { rises: false }, detail: {} });
  expect(line).toMatchObject({ ok: false, detail: { boundIs: 'at least', failed: ['rises'] } });
});

test('what was not measured or threw is not ok', () => {
  expect(toLine('x', { ratio: Number.NaN, bound: 1, detail: {} }).ok).toBe(false);
  expect(failedLine('x', new Error('No disk.'))).toEqual({
    name: 'x',
    bound: 0,
    ok: false,
    detail: { error: 'No disk.' },
  });
});

test('people read one line a benchmark, without the single rounds', () => {
  const line = toLine('write.create', {
    ratio: 0.6,
    bound: 0.55,
    atLeast: true,
    detail: { createsPerSecond: 1200, ratios: [1, 2] },
  });
  expect(formatLine(line)).toBe('write.create      0.6 ×           ≥ 0.55          yes     createsPerSecond 1200');
});

test('neighbouring rounds are compared with each other, the first not counted', async () => {
  // The machine slows down tenfold between the rounds, which does not touch the ratios.
  let speed = 1;
  let calls = 0;
  const measure = (cost: number) => async () => {
    if (calls++ % 2 === 0) speed *= 10;
    return cost * speed;
  };
  const { ratio, ratios } = await alternate(3, measure(3), measure(2));
  expect(ratios).toEqual([1.5, 1.5, 1.5]);
  expect(ratio).toBe(1.5);
});

test('median and percentiles lie between neighbours', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(percentile([1, 2, 3, 4, 5], 0.95)).toBeCloseTo(4.8);
  expect(median([])).toBeNaN();
});
