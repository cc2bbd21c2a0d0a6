import { readFileSync, rmSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody keeps files with a company: brings them, looks at them, names and sorts them, and deletes one too many. */
const database = useDatabase();
const directory = makeTemporaryDir();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);
const PDF = Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n');

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
let company: string;
const complaints: string[] = [];

const sql = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
  (await database.admin.query<Row>(text.replaceAll('$schema', schema), values)).rows;
const card = () => page.getByRole('region', { name: 'Files', exact: true });
const names = () => card().locator('li button[title]').allTextContents();
const menu = async (file: string, item: string) => {
  await page.getByRole('button', { name: `More about ${file}` }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
};
const kept = async () =>
  sql<{ name: string; category: string | null; file: { name: string; type: string }[] }>(
    'select name, category, file from $schema.attachments where target_company_id = $1 order by created_at, id',
    [company],
  );

/** As files that are dragged from the desktop, or pasted. */
async function bring(event: 'drop' | 'paste', files: { name: string; type: string; text: string }[]): Promise<void> {
  await page.evaluate(
    ([kind, given]) => {
      const transfer = new DataTransfer();
      for (const { name, type, text } of given) transfer.items.add(new File([text], name, { type }));
      if (kind === 'paste') {
        document.body.dispatchEvent(
          new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }),
        );
        return;
      }
      for (const name of ['dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(name, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    [event, files] as const,
  );
}

beforeAll(async () => {
  [address, browser] = await Promise.all([
    startApplication(database, { RELVAR_DATA: directory, RELVAR_FILES_MAX_MB: '1' }),
    launchChromium(),
  ]);
  database.onEnd(() => browser.close());
  schema = (await database.admin.query<{ name: string }>('select schema_name as name from core.workspaces')).rows[0]!
    .name;
  await database.admin.query(
    `select metadata.create_field(object_id => o.id, label => 'Papers', type => 'FILES', settings => '{"maxNumberOfValues": 2}')
     from metadata.objects o where o.name_singular = 'company'`,
  );
  company = (await sql<{ id: string }>('select id from $schema.companies order by name limit 1'))[0]!.id;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: address });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(`${address}/objects/companies/${company}`);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await card().waitFor();
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('files are chosen, dropped anywhere on the page and pasted, several at once', async () => {
  await page.getByText('Drop files anywhere on this page').waitFor();
  await page.getByLabel('Files to upload').setInputFiles([
    { name: 'logo.png', mimeType: 'image/png', buffer: PICTURE },
    { name: 'offer.pdf', mimeType: 'application/pdf', buffer: PDF },
  ]);
  await page.getByRole('button', { name: 'logo.png', exact: true }).waitFor();
  await page.getByRole('button', { name: 'offer.pdf', exact: true }).waitFor();
  await bring('drop', [{ name: 'notes.txt', type: 'text/plain', text: 'Grüße aus Köln' }]);
  await page.getByRole('button', { name: 'notes.txt', exact: true }).waitFor();
  await bring('paste', [{ name: 'page.html', type: 'image/png', text: '<html><script>alert(1)</script></html>' }]);
  await page.getByRole('button', { name: 'page.html', exact: true }).waitFor();
  expect((await kept()).map(({ file }) => file[0]!.type).sort()).toEqual([
    'application/pdf',
    'image/png',
    'text/html',
    'text/plain',
  ]);
  await expectAccessible(page);
});

test('what is too large is refused in words, and put away', async () => {
  await page
    .getByLabel('Files to upload')
    .setInputFiles({ name: 'film.bin', mimeType: 'video/mp4', buffer: Buffer.alloc(1_200_000) });
  await card().getByRole('alert').getByText('This file is too large. A file may have at most 1 MB here.').waitFor();
  await page.getByRole('button', { name: 'Put film.bin away' }).click();
  await card().getByRole('alert').waitFor({ state: 'detached' });
  expect(await kept()).toHaveLength(4);
});

test('each is looked at over the page, one after the other', async () => {
  await page.getByRole('button', { name: 'logo.png', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'logo.png' });
  await dialog.getByRole('img', { name: 'logo.png' }).waitFor();
  await page.waitForFunction(
    () => (document.querySelector('[role="dialog"] img') as HTMLImageElement).naturalWidth === 1,
  );
  await dialog.getByRole('button', { name: 'Larger' }).click();
  await dialog.getByText('150 %').waitFor();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'notes.txt', exact: true }).click();
  await page.getByText('Grüße aus Köln').waitFor();
  await page.getByRole('button', { name: 'Previous file' }).click();
  // The one that was pasted last stands first: nothing of it runs.
  await page.getByText('Files of this kind are opened by other programs.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'offer.pdf', exact: true }).click();
  await page.locator('iframe[title="offer.pdf"]').waitFor();
  await page.keyboard.press('Escape');
});

test('one is renamed and sorted, deleted and brought back', async () => {
  await menu('offer.pdf', 'Rename');
  const input = page.getByRole('textbox', { name: 'Name of offer.pdf' });
  await input.fill('Offer 2026.pdf');
  await input.press('Enter');
  await page.getByRole('button', { name: 'Offer 2026.pdf', exact: true }).waitFor();
  await menu('Offer 2026.pdf', 'Offer');
  await card().getByText('Offer', { exact: true }).waitFor();
  expect((await kept()).find(({ name }) => name === 'Offer 2026.pdf')).toMatchObject({
    category: 'OFFER',
    file: [{ name: 'Offer 2026.pdf' }],
  });
  await menu('page.html', 'Delete');
  await page.getByRole('button', { name: 'page.html', exact: true }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await page.getByRole('button', { name: 'page.html', exact: true }).waitFor();
  await menu('page.html', 'Delete');
  await page.getByRole('button', { name: 'page.html', exact: true }).waitFor({ state: 'detached' });
  expect(await names()).toHaveLength(3);
});

test('its link opens a page of its own, and a file comes down as it went up', async () => {
  await menu('notes.txt', 'Copy link');
  await page.getByText('Link copied.').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const [saved] = await Promise.all([page.waitForEvent('download'), menu('notes.txt', 'Download')]);
  expect(saved.suggestedFilename()).toBe('notes.txt');
  expect(readFileSync(await saved.path(), 'utf8')).toBe('Grüße aus Köln');
  const other = await page.context().newPage();
  await other.goto(link);
  await other.getByRole('heading', { name: 'notes.txt' }).waitFor();
  await other.getByText('Grüße aus Köln').waitFor();
  await other.goto(`${address}/files/00000000-0000-4000-8000-000000000000`);
  await other.getByRole('heading', { name: 'This file is not here' }).waitFor();
  await other.close();
});

test('a field of files is edited where it stands', async () => {
  await page.getByRole('button', { name: 'Edit Papers: empty' }).click();
  const editor = page.getByRole('group', { name: 'Papers' });
  await page.getByLabel('Files for Papers').setInputFiles([
    { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('a') },
    { name: 'b.txt', mimeType: 'text/plain', buffer: Buffer.from('b') },
  ]);
  await editor.getByRole('button', { name: 'Remove b.txt' }).waitFor();
  expect(await editor.getByRole('button', { name: 'Add files' }).count()).toBe(0);
  await editor.getByRole('button', { name: 'Remove a.txt' }).click();
  await editor.getByRole('button', { name: 'Add files' }).press('Escape');
  await page.getByRole('link', { name: 'b.txt' }).waitFor();
  await eventually('the other file left', async () => {
    const [row] = await sql<{ papers: { name: string }[] }>('select papers from $schema.companies where id = $1', [
      company,
    ]);
    return row?.papers.map(({ name }) => name).join() === 'b.txt';
  });
});

test('an object of one’s own keeps files once one says so', async () => {
  await database.admin.query(
    `select metadata.create_object(label_singular => 'Voyage', label_plural => 'Voyages', workspace_id => id) from core.workspaces`,
  );
  const [{ id } = { id: '' }] = await sql<{ id: string }>(
    `insert into $schema.voyages (name) values ('North') returning id`,
  );
  await page.goto(`${address}/objects/voyages/${id}`);
  await page.getByRole('button', { name: 'Keep files with voyages' }).click();
  await page.getByText('Drop files anywhere on this page').waitFor();
  await page.getByLabel('Files to upload').setInputFiles({ name: 'chart.png', mimeType: 'image/png', buffer: PICTURE });
  await page.getByRole('button', { name: 'chart.png', exact: true }).waitFor();
  await page.goto(`${address}/objects/companies/${company}`);
  await card().waitFor();
});

test('on a phone it is the same list', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('tab', { name: 'Overview' }).click();
  await card().scrollIntoViewIfNeeded();
  await page.getByRole('button', { name: 'logo.png', exact: true }).click();
  await page.getByRole('dialog', { name: 'logo.png' }).getByRole('img', { name: 'logo.png' }).waitFor();
  await page.getByRole('button', { name: 'Close' }).click();
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
});
