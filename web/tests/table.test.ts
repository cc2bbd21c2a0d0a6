import { jest } from '@jest/globals';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** The table as a sales team works in it: blocks of cells, columns, feet, groups, and thousands of records at once. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];
const ROWS = 3000;

const OPTIONS = JSON.stringify([
  { value: 'BOLT', label: 'Bolt', color: 'blue', position: 0 },
  { value: 'NUT', label: 'Nut', color: 'green', position: 1 },
  { value: 'GEAR', label: 'Gear', color: 'red', position: 2 },
]);
const TEXTS = ['Code', 'Maker', 'Shelf', 'Origin', 'Batch', 'Remark', 'Colour name'];

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await database.admin.query<Row>(text.replaceAll('$schema', schema), values);
  return result.rows;
}

async function makeParts(): Promise<void> {
  const client = await database.admin.connect();
  try {
    const { rows } = await client.query<{ role: string }>(
      `select r.pg_role as role from metadata.roles r join core.workspaces w on w.id = r.workspace_id where r.name = 'Admin'`,
    );
    await client.query('begin');
    await client.query(`select set_config('role', $1, true), set_config('search_path', $2, true)`, [
      rows[0]?.role,
      schema,
    ]);
    await client.query(`select metadata.create_object('Part', 'Parts')`);
    const field = (label: string, type: string, settings = {}, options = '[]') =>
      client.query(
        `select metadata.create_field(object_id => (select id from metadata.objects where name_singular = 'part'), label => $1, type => $2, settings => $3, options => $4)`,
        [label, type, settings, options],
      );
    await field('Kind', 'SELECT', {}, OPTIONS);
    await field('Amount', 'NUMBER', { dataType: 'int' });
    await field('Due', 'DATE');
    for (const label of TEXTS) await field(label, 'TEXT');
    await client.query('commit');
  } finally {
    client.release();
  }
  await sql(
    `insert into $schema.parts (name, kind, amount, due, created_at)
     select 'Part ' || lpad(n::text, 4, '0'), (array['BOLT', 'NUT', 'GEAR'])[1 + n % 3], n, date '2026-01-01' + n % 60, now() - n * interval '1 minute'
     from generate_series(1, ${ROWS}) n`,
  );
}

// A loaded machine is slow, not wrong.
jest.setTimeout(120_000);

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const found = await database.admin.query<{ nspname: string }>(
    `select nspname from pg_namespace where nspname like 'ws\\_%'`,
  );
  schema = found.rows[0]?.nspname ?? '';
  await makeParts();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  await openParts();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const grid = () => page.getByRole('grid');
const rowOf = (name: string) => grid().locator('[data-row]').filter({ hasText: name }).first();
const cell = (name: string, column: string): Locator => rowOf(name).locator(`[data-column="${column}"]`);
const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};

async function openParts(search = ''): Promise<void> {
  await page.goto(`${address}/objects/parts${search}`);
  await page.getByRole('heading', { level: 1, name: 'Parts', exact: true }).waitFor();
  await grid().locator('[data-row]').first().waitFor();
  // What comes late is there.
  await page.getByRole('button', { name: 'Sort' }).and(page.locator('[aria-haspopup=menu]')).waitFor();
}

/** Takes a cell in hand by the mouse, at its right end, where no link is. */
async function take(name: string, column: string): Promise<void> {
  await cell(name, column).scrollIntoViewIfNeeded();
  const box = (await cell(name, column).boundingBox())!;
  if ((await cell(name, column).getAttribute('data-active')) === null)
    await page.mouse.click(box.x + box.width - 12, box.y + 10);
  await grid().locator('[data-active]').first().waitFor();
}

async function eventually(check: () => Promise<boolean>, what: string, within = 15_000): Promise<void> {
  const end = Date.now() + within;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

const counted = async (condition: string): Promise<number> =>
  (await sql<{ n: number }>(`select count(*)::int as n from $schema.parts where ${condition}`))[0]!.n;

const clipboard = (event: 'copy' | 'paste', text = '') =>
  grid().evaluate(
    (element, [kind, given]) => {
      const data = new DataTransfer();
      if (kind === 'paste') data.setData('text/plain', given!);
      element.dispatchEvent(new ClipboardEvent(kind!, { clipboardData: data, bubbles: true, cancelable: true }));
      return { text: data.getData('text/plain'), html: data.getData('text/html') };
    },
    [event, text],
  );

describe('blocks of cells', () => {
  test('a block is drawn by keyboard and by mouse, and copied as text and as a table', async () => {
    await take('Part 0001', 'kind');
    await press('Shift+ArrowRight', 'Shift+ArrowDown');
    expect(await grid().locator('[data-range]').count()).toBe(4);
    expect(await clipboard('copy')).toEqual({
      text: 'Nut\t1\nGear\t2',
      html: '<table><tr><td>Nut</td><td>1</td></tr><tr><td>Gear</td><td>2</td></tr></table>',
    });
    await press('Escape');
    expect(await grid().locator('[data-range]').count()).toBe(0);
    const [from, to] = [await cell('Part 0002', 'kind').boundingBox(), await cell('Part 0004', 'due').boundingBox()];
    await page.mouse.move(from!.x + 8, from!.y + 8);
    await page.mouse.down();
    await page.mouse.move(to!.x + 20, to!.y + 8, { steps: 8 });
    await page.mouse.up();
    expect(await grid().locator('[data-range]').count()).toBe(9);
    const far = (await cell('Part 0006', 'amount').boundingBox())!;
    await page.keyboard.down('Shift');
    await page.mouse.click(far.x + 20, far.y + 8);
    await page.keyboard.up('Shift');
    expect(await grid().locator('[data-range]').count()).toBe(10);
  });

  test('500 rows of 10 cells are pasted by one request, what cannot be read is marked, and one undo takes all back', async () => {
    const columns = ['kind', 'amount', 'due', 'code', 'maker', 'shelf', 'origin', 'batch', 'remark', 'colour_name'];
    const lines = Array.from({ length: 500 }, (_, n) =>
      ['Gear', n === 3 ? 'many' : String(9000 + n), '2027-03-31', ...TEXTS.map((label) => `${label} ${n}`)].join('\t'),
    );
    let requests = 0;
    const count = (request: { postData: () => string | null }) => {
      if (request.postData()?.includes('updateRecords')) requests += 1;
    };
    page.on('request', count);
    // All the rows that it goes into are read.
    await take('Part 0001', 'kind');
    for (let step = 0; step < 22; step++) await press('PageDown');
    await press('Control+Home');
    await take('Part 0001', 'kind');
    await clipboard('paste', lines.join('\n'));
    await page.getByText(/^4,999 cells pasted/).waitFor();
    page.off('request', count);
    expect(requests).toBe(1);
    expect(await counted(`kind = 'GEAR' and due = '2027-03-31' and colour_name like 'Colour name %'`)).toBe(500);
    expect(await counted('amount >= 9000')).toBe(499);
    await cell('Part 0004', 'amount').and(page.locator('[data-refused]')).waitFor();
    expect(columns).toHaveLength(10);
    await page.getByRole('button', { name: 'Undo', exact: true }).first().click();
    await eventually(async () => (await counted('amount >= 9000 or code is not null')) === 0, 'all is as it was');
    await cell('Part 0001', 'kind').getByText('Nut').waitFor();
    await cell('Part 0004', 'amount').hover();
    await rowOf('Part 0004').getByRole('button', { name: 'Take back' }).click();
  });

  test('cells are filled down by keyboard and by the handle, emptied by Delete, and each is undone by one step', async () => {
    await take('Part 0010', 'code');
    await page.keyboard.type('K-7');
    await press('Enter');
    await eventually(async () => (await counted(`code = 'K-7'`)) === 1, 'the first is saved');
    await take('Part 0010', 'code');
    await press('Shift+ArrowDown', 'Shift+ArrowDown', 'Control+d');
    await eventually(async () => (await counted(`code = 'K-7'`)) === 3, 'three are filled');
    const handle = (await grid().locator('[data-fill]').boundingBox())!;
    const last = (await cell('Part 0016', 'code').boundingBox())!;
    await page.mouse.move(handle.x + 4, handle.y + 4);
    await page.mouse.down();
    await page.mouse.move(last.x + 20, last.y + 10, { steps: 8 });
    await page.mouse.up();
    await eventually(async () => (await counted(`code = 'K-7'`)) === 7, 'seven are filled');
    await press('Control+z');
    await eventually(async () => (await counted(`code = 'K-7'`)) === 3, 'three are left');
    await take('Part 0010', 'code');
    await press('Shift+ArrowDown', 'Shift+ArrowDown', 'Delete');
    await eventually(async () => (await counted('code is not null')) === 0, 'none is left');
    await press('Control+z');
    await eventually(async () => (await counted(`code = 'K-7'`)) === 3, 'they are back');
  });
});

describe('columns', () => {
  const menu = async (column: string, item: string) => {
    await page.locator(`[data-head="${column}"]`).click({ button: 'right' });
    await page.getByRole('menuitem', { name: item, exact: true }).click();
  };
  const heads = () =>
    page.locator('[data-head]').evaluateAll((all) => all.map((each) => (each as HTMLElement).dataset['head']));

  test('a pinned column stays in sight, a moved one is told, a hidden one is gone; the address keeps it', async () => {
    await openParts('?view=all&columns=name,kind,amount,due,code,maker,shelf,origin,batch,remark,colourName');
    await menu('amount', 'Pin');
    await eventually(async () => (await heads()).slice(0, 2).join() === 'name,amount', 'the pinned one stands first');
    await grid().evaluate((element) => (element.scrollLeft = 2000));
    const box = (await page.locator('[data-head="amount"]').boundingBox())!;
    expect(box.x).toBeLessThan(700);
    await grid().evaluate((element) => (element.scrollLeft = 0));
    await take('Part 0001', 'due');
    await press('Alt+Shift+ArrowLeft');
    await eventually(async () => (await heads()).slice(0, 4).join() === 'name,amount,due,kind', 'it has moved');
    await page.getByRole('status').filter({ hasText: 'Due is column 3 of' }).waitFor({ state: 'attached' });
    await press('Shift+F10');
    await page.getByRole('menuitem', { name: 'Hide' }).click();
    await eventually(async () => !(await heads()).includes('due'), 'it is hidden');
    expect(decodeURIComponent(page.url())).toContain('columns=name,amount!,kind');
  });

  test('the foot tells what a column comes to over all that match, and follows what others do', async () => {
    await menu('amount', 'Sum');
    await page
      .getByRole('button', { name: `Sum ${((ROWS * (ROWS + 1)) / 2).toLocaleString('en')} of Amount` })
      .waitFor();
    await sql(`update $schema.parts set amount = amount + 1000 where name = 'Part 2999'`);
    await page
      .getByRole('button', { name: `Sum ${((ROWS * (ROWS + 1)) / 2 + 1000).toLocaleString('en')} of Amount` })
      .waitFor();
    await page.getByRole('button', { name: 'Calculate Code' }).click();
    await page.getByRole('menuitem', { name: 'Count filled' }).click();
    await page.getByRole('button', { name: 'Count filled 3 of Code' }).waitFor();
    await page.screenshot({ path: join(shots, 'table-feet.png') });
    await expectAccessible(page);
  });
});

describe('groups', () => {
  const head = (label: string) => grid().locator('[data-group]').filter({ hasText: label });

  test('records stand in groups with their count and sum, which open and close by keyboard', async () => {
    await openParts('?view=all&columns=name,kind,amount~SUM,due,code');
    await page.locator('[data-head="kind"]').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Group by it' }).click();
    await head('Bolt').getByText('1,000', { exact: true }).waitFor();
    await head('Bolt').getByText('1,501,500').waitFor();
    await rowOf('Part 0003').waitFor();
    await head('Bolt')
      .locator('[data-column="name"]')
      .click({ position: { x: 14, y: 14 } });
    await head('Nut').waitFor();
    await rowOf('Part 0001').waitFor();
    await press('ArrowDown', 'ArrowLeft');
    await head('Gear').waitFor();
    await rowOf('Part 0002').waitFor();
    expect(await grid().locator('[data-row]:not([data-group])').filter({ hasText: 'Part 0001' }).count()).toBe(0);
    await page.screenshot({ path: join(shots, 'table-groups.png') });
    await expectAccessible(page);
  });

  test('a record that is made in a group has its value, and one that is changed goes where it belongs', async () => {
    await head('Gear').getByRole('button', { name: 'New in Gear' }).click();
    await page.keyboard.type('Part new');
    await press('Enter');
    await eventually(async () => (await counted(`name = 'Part new' and kind = 'GEAR'`)) === 1, 'it is a gear');
    await head('Gear').getByText('1,001', { exact: true }).waitFor();
    await sql(`update $schema.parts set kind = 'BOLT' where name = 'Part new'`);
    await head('Bolt').getByText('1,001', { exact: true }).waitFor();
    await head('Gear').getByText('1,000', { exact: true }).waitFor();
    await sql(`delete from $schema.parts where name = 'Part new'`);
  });

  test('days stand in months', async () => {
    await openParts('?view=all&columns=name,kind,due&group=due&bucket=MONTH');
    await head('March 2026').waitFor();
    const labels = await grid().locator('[data-group] [data-column="name"]').allInnerTexts();
    expect(labels.map((label) => label.split('\n')[0])).toEqual(['March 2026']);
    await head('March 2026')
      .locator('[data-column="name"]')
      .click({ position: { x: 14, y: 14 } });
    await head('February 2026').waitFor();
  });
});

describe('beside the table', () => {
  test('a record is peeked at by the space bar, the next one by the arrow, and edited there', async () => {
    await openParts('?view=all&columns=name,kind,amount');
    await take('Part 0001', 'amount');
    await press('Space');
    const peek = page.getByRole('complementary', { name: 'Peek at a part' });
    await peek.getByRole('heading', { name: 'Part 0001' }).waitFor();
    await press('ArrowDown');
    await peek.getByRole('heading', { name: 'Part 0002' }).waitFor();
    await peek.getByRole('button', { name: 'Peek at the next one' }).click();
    await peek.getByRole('heading', { name: 'Part 0003' }).waitFor();
    await page.screenshot({ path: join(shots, 'table-peek.png') });
    // Where the mouse is shows a hint, which is no part of the page.
    await page.mouse.move(300, 400);
    await page.locator('[role=tooltip]').waitFor({ state: 'hidden' });
    await expectAccessible(page);
    await peek.getByRole('button', { name: 'Close the peek' }).click();
    await peek.waitFor({ state: 'detached' });
    expect(await grid().evaluate((element) => element === document.activeElement)).toBe(true);
    await press('Space');
    await peek.getByRole('heading', { name: 'Part 0003' }).waitFor();
    await press('Escape');
    await peek.waitFor({ state: 'detached' });
  });

  test('rules mark rows and cells, at once as they change', async () => {
    await page.locator('[data-head="amount"]').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Colours…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Colours' });
    await dialog.getByRole('group', { name: 'Rule 1' }).getByRole('textbox').fill('2');
    await dialog.getByLabel('Colour', { exact: true }).selectOption('red');
    await page.screenshot({ path: join(shots, 'table-colours-dialog.png') });
    await dialog.getByRole('button', { name: 'Show' }).click();
    await rowOf('Part 0002').and(page.locator('[data-tone="red"]')).waitFor();
    expect(await grid().locator('[data-row][data-tone]').count()).toBe(1);
    const background = (name: string) => rowOf(name).evaluate((row) => getComputedStyle(row).backgroundColor);
    expect(await background('Part 0002')).toMatch(/^oklch/);
    expect(await background('Part 0002')).not.toBe(await background('Part 0003'));
    await take('Part 0005', 'amount');
    await page.keyboard.type('2');
    await press('Enter');
    await rowOf('Part 0005').and(page.locator('[data-tone="red"]')).waitFor();
    await press('Control+z');
    await eventually(async () => (await grid().locator('[data-row][data-tone]').count()) === 1, 'it is taken back');
    await page.screenshot({ path: join(shots, 'table-colours.png') });
  });
});

describe('thousands at once', () => {
  test('the scroll bar leads anywhere, without reading what lies between', async () => {
    await openParts('?view=all&columns=name,kind,amount');
    await page.getByText('3,000', { exact: true }).first().waitFor();
    await grid().evaluate((element) => (element.scrollTop = 2500 * 32));
    await rowOf('Part 2505').waitFor();
    await take('Part 2505', 'kind');
    await press('Control+End');
    await rowOf('Part 3000').waitFor();
    await press('Control+Home');
    await rowOf('Part 0001').waitFor();
  });

  test('many are put on a list that is made on the way, filtered by it, taken off, and each is undone by one step', async () => {
    const filter = `filters=${encodeURIComponent('["kind:is:NUT"]')}`;
    await openParts(`?view=all&columns=name,kind&${filter}`);
    const bar = page.getByRole('region', { name: 'Selection' });
    const selectAll = async () => {
      await page.getByRole('checkbox', { name: 'Select all loaded rows' }).check();
      await bar.getByRole('button', { name: 'Select all 1,000' }).click();
      await bar.getByRole('button', { name: 'Add to list' }).click();
    };
    const dialog = page.getByRole('dialog');
    const links = async () =>
      (await sql<{ n: number }>('select count(*)::int as n from $schema.part_list_links'))[0]!.n;
    await selectAll();
    await dialog.getByText('Parts are not kept on lists yet.').waitFor();
    await expectAccessible(page);
    await dialog.getByRole('button', { name: 'Keep lists of parts' }).click();
    await dialog.getByRole('button', { name: 'Choose Lists' }).click();
    await page.getByRole('combobox', { name: 'Lists' }).fill('Trade fair');
    await page.getByRole('option', { name: 'Create “Trade fair”' }).click();
    await dialog.getByText('Trade fair').waitFor();
    await page.screenshot({ path: join(shots, 'list-dialog.png') });
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('1,000 parts added to Trade fair').waitFor();
    await eventually(async () => (await links()) === 1000, 'all are on the list');
    // A record tells its lists, and a view shows who is on one.
    await openParts(`?view=all&columns=name,lists&${filter}`);
    await cell('Part 0001', 'lists').getByText('Trade fair').waitFor();
    await selectAll();
    await dialog.getByText('Take off').click();
    await dialog.getByRole('button', { name: 'Choose Lists' }).click();
    await page.getByRole('option', { name: 'Trade fair' }).click();
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Take off' }).click();
    await eventually(async () => (await links()) === 0, 'none is on the list');
    await page.getByText('1,000 parts taken off Trade fair').waitFor();
    await press('Control+z');
    await eventually(async () => (await links()) === 1000, 'all are on the list again');
  });

  test('all that match are edited and deleted on the server, each taken back by one undo', async () => {
    await openParts(`?view=all&columns=name,kind,amount&filters=${encodeURIComponent('["kind:is:BOLT"]')}`);
    await page.getByText('1,000', { exact: true }).first().waitFor();
    await page.getByRole('checkbox', { name: 'Select all loaded rows' }).check();
    const bar = page.getByRole('region', { name: 'Selection' });
    await bar.getByRole('button', { name: 'Select all 1,000' }).click();
    await bar.getByText('All 1,000 parts selected').waitFor();
    await bar.getByRole('button', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Field').selectOption('Shelf');
    await dialog.getByRole('textbox', { name: 'Shelf' }).fill('A-12');
    await dialog.getByRole('button', { name: 'Change 1,000' }).click();
    await eventually(async () => (await counted(`shelf = 'A-12'`)) === 1000, 'all have the value');
    await page.getByText('Shelf of 1,000 parts changed').waitFor();
    await press('Control+z');
    await eventually(async () => (await counted(`shelf = 'A-12'`)) === 0, 'none has it');
    await page.getByRole('checkbox', { name: 'Select all loaded rows' }).check();
    await bar.getByRole('button', { name: 'Select all 1,000' }).click();
    await bar.getByRole('button', { name: 'Delete' }).click();
    await eventually(async () => (await counted(`kind = 'BOLT'`)) === 0, 'all are deleted');
    await page.getByText('No parts match').waitFor();
    await press('Control+z');
    await eventually(async () => (await counted(`kind = 'BOLT'`)) === 1000, 'all are back');
  });
});
