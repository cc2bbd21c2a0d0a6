import { rmSync } from 'node:fs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { makeTemporaryDir } from '../../db/testing/temporary.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Two members write notes and tasks. The steps build on each other. */
const database = useDatabase();
const directory = makeTemporaryDir();
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const OTHER = 'amara@relvar.example';

let browser: Browser;
let writer: Page;
let other: Page;
let address: string;
let schema: string;
let company: string;
let note: string;
let otherName: string;
const complaints: string[] = [];

async function enter(email: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  // A page that is left with a text under way asks; a script that got through would say something.
  page.on('dialog', (dialog) => {
    if (dialog.type() !== 'beforeunload') complaints.push(`A dialog opened: ${dialog.message()}`);
    void dialog.accept();
  });
  await page.goto(address);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.locator('main#main h1').first().waitFor();
  return page;
}

async function value(sql: string, values: unknown[] = []): Promise<string> {
  return (await database.admin.query<{ value: string }>(sql, values)).rows[0]?.value ?? '';
}
const kept = (): Promise<string> =>
  value(`select coalesce(body_v2_markdown, '') as value from ${schema}.notes where id = $1`, [note]);

/** For looking at: where it is set, each picture is kept there. */
const picture = (page: Page, name: string) =>
  process.env['RELVAR_PICTURES'] === undefined
    ? undefined
    : page.screenshot({ path: `${process.env['RELVAR_PICTURES']}/${name}.png` });

const body = (page: Page) => page.getByRole('textbox', { name: 'Body' });
const saved = (page: Page) => page.getByText('Saved', { exact: true }).waitFor();
/** Puts a text into the column, as somebody in psql does. */
const write = (text: string) =>
  database.admin.query(`update ${schema}.notes set body_v2_markdown = $1 where id = $2`, [text, note]);
const text = async (page: Page) => (await body(page).innerText()).replace(/\s+/g, ' ').trim();

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database, { RELVAR_DATA: directory }), launchChromium()]);
  database.onEnd(() => browser.close());
  schema = await value('select schema_name as value from core.workspaces');
  company = await value(`select id as value from ${schema}.companies order by name limit 1`);
  const nameOf = 'select m.name as value from core.members m join core.users u on u.id = m.user_id where u.email = $1';
  otherName = await value(nameOf, [OTHER]);
  await database.admin.query(`delete from ${schema}.tasks`);
  [writer, other] = await Promise.all([enter(DEMO_EMAIL), enter(OTHER)]);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

test('a note is begun on a record’s page and written there by the keyboard', async () => {
  await writer.goto(`${address}/objects/companies/${company}`);
  await writer.getByRole('tab', { name: 'Notes' }).click();
  await writer.getByLabel('New note').fill('Minutes');
  await writer.keyboard.press('Enter');
  await body(writer).waitFor();
  await eventually('the text has the keyboard', async () =>
    body(writer).evaluate((element) => element === document.activeElement),
  );
  await writer.keyboard.type('## Plan\nAsk **all** and @');
  await writer.keyboard.type(otherName.slice(0, 4));
  await writer.getByRole('option', { name: otherName }).waitFor();
  await writer.keyboard.press('Enter');
  await writer.keyboard.type('soon\n[ ] Offer\nCall\n\n/tab');
  await writer.getByRole('option', { name: 'Table' }).waitFor();
  await writer.keyboard.press('Enter');
  for (const head of ['Who', 'What', 'When']) {
    await writer.keyboard.type(head);
    await writer.keyboard.press('Tab');
  }
  await writer.keyboard.press('Control+s');
  await saved(writer);
  note = await value(`select id as value from ${schema}.notes where title = 'Minutes'`);
  await expectAccessible(writer);
  await picture(writer, 'note-card');
  const id = await member(OTHER);
  expect(await kept()).toBe(
    `## Plan\n\nAsk **all** and <@${id}> soon\n- [ ] Offer\n- [ ] Call\n\n| Who | What | When |\n| --- | --- | --- |\n|  |  |  |\n|  |  |  |`,
  );
  expect(
    await value(
      `select count(*)::text as value from ${schema}.note_targets where note_id = $1 and target_company_id = $2`,
      [note, company],
    ),
  ).toBe('1');
  // Who is mentioned is told.
  await eventually(
    'who is mentioned is told',
    async () => (await value(`select count(*)::text as value from core.notifications where kind = 'MENTION'`)) === '1',
  );
}, 60_000);

test('what is written in one go is undone as one', async () => {
  await writer.getByRole('heading', { name: 'Notes', exact: true }).click();
  await writer.keyboard.press('Control+z');
  await eventually('the text is taken back', async () => (await kept()) === '');
  await eventually(
    'the text is empty',
    async () => (await text(writer)) === '' || !(await text(writer)).includes('Plan'),
  );
  await writer.keyboard.press('Control+Shift+z');
  await eventually('the text is there again', async () => (await kept()).startsWith('## Plan'));
}, 40_000);

test('two who write at once lose nothing', async () => {
  await write('First paragraph.\n\nSecond paragraph.');
  await Promise.all([writer, other].map((page) => page.goto(`${address}/objects/notes/${note}`)));
  await Promise.all([writer, other].map((page) => body(page).getByText('Second paragraph.').waitFor()));
  const end = async (page: Page, words: string, typed: string) => {
    await body(page).getByText(words).click();
    await page.keyboard.press('End');
    await page.keyboard.type(typed);
  };
  await Promise.all([end(writer, 'First', ' Mine.'), end(other, 'Second', ' Theirs.')]);
  await eventually(
    'both have what both wrote',
    async () => (await kept()) === 'First paragraph. Mine.\n\nSecond paragraph. Theirs.',
  );
  for (const page of [writer, other])
    await eventually(
      'both have what both wrote',
      async () => (await text(page)) === 'First paragraph. Mine. Second paragraph. Theirs.',
    );
}, 60_000);

test('what is written while the server is away is kept and sent', async () => {
  await writer.context().setOffline(true);
  await body(writer).getByText('Second').click();
  await writer.keyboard.press('End');
  await writer.keyboard.type(' Offline.');
  await writer.getByText('Offline: kept on this device').waitFor();
  // Meanwhile somebody changes the same words.
  await write('First paragraph. Mine.\n\nSecond paragraph. Elsewhere.');
  await writer.context().setOffline(false);
  await eventually(
    'both versions are kept',
    async () => (await kept()).includes('Offline.') && (await kept()).includes('Elsewhere.'),
  );
  await saved(writer);
}, 60_000);

const VECTORS = [
  '<script>window.hit=1</script>',
  '<img src=x onerror="window.hit=1">',
  '<svg onload="window.hit=1"><script>window.hit=1</script></svg>',
  '<a href="javascript:window.hit=1">x</a>',
  '<a href="java\nscript:window.hit=1">x</a>',
  '<a href=" &#1; javascript:window.hit=1">x</a>',
  '<a href="data:text/html,<script>window.hit=1</script>">x</a>',
  '<iframe srcdoc="<script>parent.hit=1</script>"></iframe>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.hit=1&gt;">',
  '<form><button formaction="javascript:window.hit=1">x</button></form>',
  '<details open ontoggle="window.hit=1">x</details>',
  '<template><img src=x onerror="window.hit=1"></template>',
  '<noscript><p title="</noscript><img src=x onerror=window.hit=1>">',
  '<p style="background:url(javascript:window.hit=1)" onclick="window.hit=1">x</p>',
  '<span data-member="x\' onmouseover=window.hit=1">x</span>',
  '<img src="/files/x" alt="&quot; onerror=window.hit=1">',
  '<img src="https://elsewhere.test/spy.png">',
  '<table><tr><td onclick="window.hit=1"><video src=x onerror="window.hit=1"></td></tr></table>',
  '<input type="checkbox" onfocus="window.hit=1" autofocus>',
  '<object data="data:text/html,<script>window.hit=1</script>"></object><embed src="javascript:window.hit=1">',
  '<b id="docs-internal-guid-1" onclick="window.hit=1"><a href="vbscript:x">x</a></b>',
  '<ul><li data-checked="true" data-type="taskItem" onclick="window.hit=1">x</li></ul>',
];

const paste = (page: Page, html: string) =>
  body(page).evaluate((element, given) => {
    const data = new DataTransfer();
    data.setData('text/html', given);
    data.setData('text/plain', 'plain');
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
  }, html);

test('no script survives being pasted, kept, or read', async () => {
  await body(writer).click();
  for (const vector of VECTORS) await paste(writer, `${vector}<p>end</p>`);
  const dangerous = await body(writer).evaluate((element) =>
    [...element.querySelectorAll('*')].flatMap((each) => [
      ...(each.matches('script, iframe, svg, object, embed, form, style, video, template, img[src*="elsewhere"]')
        ? [each.outerHTML]
        : []),
      ...[...each.attributes]
        .filter(({ name, value: given }) => /^on/i.test(name) || /javascript:|vbscript:|data:text/i.test(given))
        .map(({ name, value: given }) => `${name}=${given}`),
    ]),
  );
  expect(dangerous).toEqual([]);
  await writer.keyboard.press('Control+s');
  await saved(writer);
  // And nothing does that is in the column already.
  await write(
    `${VECTORS.join('\n\n')}\n\n[x](javascript:window.hit=1) ![x](javascript:window.hit=1) <javascript:window.hit=1>`,
  );
  await writer.reload();
  await body(writer).waitFor();
  await body(writer).getByText('<script>').first().waitFor();
  expect(await body(writer).locator('a[href^="javascript"], script, iframe, [onerror]').count()).toBe(0);
  expect(await writer.evaluate(() => (window as unknown as { hit?: number }).hit)).toBeUndefined();
}, 60_000);

test('lists of Word and texts of Docs arrive as what they are', async () => {
  await write('');
  await eventually('the text is empty', async () => (await text(writer)) === '');
  await body(writer).click();
  await paste(
    writer,
    `<html xmlns:o="urn:x"><body><!--[if gte mso 9]><xml>no</xml><![endif]--><h1>Title<o:p></o:p></h1>
     <p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>·<span>   </span></span>One</p>
     <p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>o<span>   </span></span>Within</p>
     <p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>·<span>   </span></span>Two</p>
     <b style="font-weight:normal" id="docs-internal-guid-9"><p><span style="font-weight:700">Bold</span> plain</p></b></body></html>`,
  );
  await writer.keyboard.press('Control+s');
  await eventually('the lists are kept', async () =>
    (await kept()).startsWith('# Title\n\n- One\n  - Within\n- Two\n\n**Bold** plain'),
  );
}, 40_000);

/** A picture on the clipboard: as a phone or a screenshot puts it there, or as a browser does, with the tag that showed it. */
const pastePicture = (page: Page, name: string, html?: string) =>
  body(page).evaluate(
    async (element, given) => {
      const canvas = new OffscreenCanvas(1200, 600);
      const pen = canvas.getContext('2d')!;
      pen.fillStyle = '#2b8a6e';
      pen.fillRect(0, 0, 1200, 600);
      const data = new DataTransfer();
      data.items.add(new File([await canvas.convertToBlob()], given.name, { type: 'image/png' }));
      if (given.html) data.setData('text/html', given.html);
      element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    },
    { name, html },
  );
/** Shown, and not only named. */
const isSeen = (page: Page, name: string) =>
  page.waitForFunction(
    (alt) =>
      [...document.querySelectorAll<HTMLImageElement>('[role=textbox] img')].some(
        (each) => each.alt === alt && each.naturalWidth === 1200 && each.clientWidth <= innerWidth,
      ),
    name,
  );

test('a text has headings, lists, code, quotes, records and pictures in it, all by the keyboard', async () => {
  await write('');
  await eventually('the text is empty', async () => (await text(writer)) === '');
  await body(writer).click();
  const choose = async (typed: string, option: string | RegExp) => {
    await writer.keyboard.type(typed);
    const wanted = writer.getByRole('option', { name: option }).first();
    await wanted.waitFor();
    while ((await wanted.getAttribute('aria-selected')) !== 'true') await writer.keyboard.press('ArrowDown');
    await writer.keyboard.press('Enter');
  };
  await writer.keyboard.type('# Visit\nWe met **everybody**; `npm test` is ~~late~~ done.\n1. One\nTwo\n\n');
  await choose('/cod', 'Code');
  await writer.keyboard.type('const a = 1;');
  await writer.keyboard.press('ArrowDown');
  await choose('/quo', 'Quote');
  await writer.keyboard.type('Said\n\n');
  const name = await value(`select name as value from ${schema}.companies where id = $1`, [company]);
  await choose(`About #${name.slice(0, 8)}`, name);
  await writer.keyboard.type('\n');
  await expectAccessible(writer);
  await pastePicture(writer, 'plan.png');
  await isSeen(writer, 'plan.png');
  await pastePicture(writer, 'copied.png', '<meta charset="utf-8"><img src="https://elsewhere.test/spy.png">');
  await isSeen(writer, 'copied.png');
  await picture(writer, 'note-text');
  await writer.keyboard.press('Control+s');
  await saved(writer);
  const [plan, copied] = (
    await database.admin.query<{ id: string }>(
      `select file -> 0 ->> 'id' as id from ${schema}.attachments where target_note_id = $1 order by created_at`,
      [note],
    )
  ).rows.map(({ id }) => id);
  expect(await kept()).toBe(
    [
      '# Visit',
      'We met **everybody**; `npm test` is ~~late~~ done.\n1. One\n2. Two',
      '```\nconst a = 1;\n```',
      '> Said',
      `About [${name}](/objects/companies/${company})`,
      `![plan.png](/files/${plan})![copied.png](/files/${copied})`,
    ].join('\n\n'),
  );
  // The record is one click away, for who does not write.
  await other.goto(`${address}/objects/notes/${note}`);
  await isSeen(other, 'plan.png');
  await body(other).getByRole('link', { name }).click();
  await other.getByRole('heading', { level: 1, name }).waitFor();
}, 60_000);

test('a note is linked to any record, and comes back with its pictures when its deletion is undone', async () => {
  const person = await value(`select id as value from ${schema}.people order by id limit 1`);
  const personName = await value(
    `select concat_ws(' ', name_first_name, name_last_name) as value from ${schema}.people where id = $1`,
    [person],
  );
  await writer.goto(`${address}/objects/notes/${note}`);
  const about = writer.getByRole('region', { name: 'About' });
  await about.getByRole('button', { name: 'Link a record' }).click();
  await writer.getByRole('combobox', { name: 'Record' }).fill(personName);
  await writer.getByRole('option', { name: personName }).first().click();
  await about.getByText(personName).waitFor();
  expect(await value(`select count(*)::text as value from ${schema}.note_targets where note_id = $1`, [note])).toBe(
    '2',
  );
  await writer.getByRole('button', { name: 'Delete this note' }).click();
  await writer.waitForURL(/objects\/notes(\?|$)/);
  expect(await value(`select count(*)::text as value from ${schema}.notes where id = $1`, [note])).toBe('0');
  await writer.getByRole('button', { name: 'Undo' }).last().click();
  await writer.getByRole('heading', { level: 1, name: 'Minutes' }).waitFor();
  await isSeen(writer, 'plan.png');
  await about.getByText(personName).waitFor();
}, 60_000);

const group = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
const task = (page: Page, title: string) => page.getByRole('listitem').filter({ hasText: title });
const told = (page: Page) => page.locator('main p[role="status"]');
const due = (title: string) => value(`select due_at::text as value from ${schema}.tasks where title = $1`, [title]);
const member = (email: string) =>
  value('select m.id as value from core.members m join core.users u on u.id = m.user_id where u.email = $1', [email]);

test('my tasks are written, moved and done by the keyboard, which stays with the task', async () => {
  await writer.goto(`${address}/tasks`);
  await writer.getByText('Nothing to do').waitFor();
  await writer.keyboard.press('c');
  for (const title of ['Call Ann tomorrow', 'Report today', 'Think'])
    await writer.keyboard.type(`${title}\n`, { delay: 5 });
  await group(writer, 'No date').getByText('Think').waitFor();
  await group(writer, 'Today').getByText('Report').waitFor();
  await expectAccessible(writer);
  await picture(writer, 'my-tasks');
  await task(writer, 'Call Ann').focus();
  await writer.keyboard.press('Alt+ArrowUp');
  // At once, before the server has said anything.
  expect(await writer.evaluate(() => document.activeElement?.textContent)).toContain('Call Ann');
  await group(writer, 'Today').getByText('Call Ann').waitFor();
  await told(writer).getByText('“Call Ann” moved to Today').waitFor();
  await eventually('the day is kept', async () =>
    (await due('Call Ann')).startsWith(new Date().toISOString().slice(0, 10)),
  );
  expect(await writer.evaluate(() => document.activeElement?.textContent)).toContain('Call Ann');
  // Past days on which nothing is due, to the end and back.
  for (const [key, title] of [
    ['ArrowDown', 'Tomorrow'],
    ['ArrowUp', 'Today'],
  ] as const) {
    await writer.keyboard.press(`Alt+${key}`);
    await group(writer, title).getByText('Call Ann').waitFor();
    await told(writer).getByText(`“Call Ann” moved to ${title}`).waitFor();
  }
  await writer.keyboard.press('x');
  await told(writer).getByText('“Call Ann” done').waitFor();
  await task(writer, 'Call Ann').waitFor({ state: 'detached' });
  expect(await value(`select status::text as value from ${schema}.tasks where title = 'Call Ann'`)).toBe('DONE');
  // The next one has the keyboard, so that one after the other is done.
  expect(await writer.evaluate(() => document.activeElement?.textContent)).toMatch(/Report|Think/);
  // What is done stands last, and is opened again there.
  await writer.getByRole('button', { name: 'Done 1' }).click();
  await group(writer, 'Done').getByText('Call Ann').waitFor();
  await expectAccessible(writer);
  await task(writer, 'Call Ann').focus();
  await writer.keyboard.press('x');
  await group(writer, 'Today').getByText('Call Ann').waitFor();
  expect(await value(`select status::text as value from ${schema}.tasks where title = 'Call Ann'`)).toBe('TODO');
}, 60_000);

test('a task is dragged to another day, and to what is done', async () => {
  const drag = async (title: string, to: string) => {
    const from = (await task(writer, title).boundingBox())!;
    await writer.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await writer.mouse.down();
    await writer.mouse.move(from.x + from.width / 2, from.y + from.height / 2 + 12, { steps: 3 });
    // Days on which nothing is due are there only while something is on its way.
    await group(writer, to).waitFor();
    await eventually('the place takes it', async () => {
      const place = (await group(writer, to).boundingBox())!;
      await writer.mouse.move(place.x + 200, place.y + place.height / 2, { steps: 4 });
      return (await group(writer, to).getAttribute('data-over')) === 'true';
    });
    await writer.mouse.up();
  };
  expect(await group(writer, 'Later').count()).toBe(0);
  await drag('Report', 'Later');
  await group(writer, 'Later').getByText('Report').waitFor();
  await told(writer).getByText('“Report” moved to Later').waitFor();
  await eventually('the day is kept', async () => new Date(await due('Report')).getTime() > Date.now() + 86_400_000);
  await drag('Report', 'No date');
  await group(writer, 'No date').getByText('Report').waitFor();
  await eventually('the day is kept', async () => (await due('Report')) === '');
  await drag('Think', 'Done');
  await eventually(
    'it is done',
    async () => (await value(`select status::text as value from ${schema}.tasks where title = 'Think'`)) === 'DONE',
  );
  // What was done before may be offered back beside it.
  await writer.getByRole('alert').filter({ hasText: '“Think” done' }).getByRole('button', { name: 'Undo' }).click();
  await group(writer, 'No date').getByText('Think').waitFor();
  // Let go beside everything it stays where it was.
  const from = (await task(writer, 'Report').boundingBox())!;
  await writer.mouse.move(from.x + 300, from.y + 10);
  await writer.mouse.down();
  await writer.mouse.move(from.x + 300, from.y + 30, { steps: 3 });
  await group(writer, 'Later').waitFor();
  await writer.mouse.move(1300, 800, { steps: 3 });
  await writer.mouse.up();
  await group(writer, 'Later').waitFor({ state: 'detached' });
  await group(writer, 'No date').getByText('Report').waitFor();
}, 60_000);

test('each task stands where it is due, in the member’s own days, whose ever it is', async () => {
  const [me, them] = await Promise.all([member(DEMO_EMAIL), member(OTHER)]);
  await database.admin.query(`delete from ${schema}.tasks`);
  // A Tuesday in Berlin, an hour ahead of UTC: 23:30 UTC is the next day there.
  for (const [title, at, whose, status] of [
    ['Late', '2026-11-30T09:00Z', me, 'TODO'],
    ['Now', '2026-12-01T15:00Z', me, 'IN_PROGRESS'],
    ['Soon', '2026-12-01T23:30Z', me, 'TODO'],
    ['Friday', '2026-12-04T09:00Z', me, 'TODO'],
    ['Next year', '2027-01-05T09:00Z', me, 'TODO'],
    ['Some day', null, me, 'TODO'],
    ['Did', '2026-11-30T09:00Z', me, 'DONE'],
    ['Theirs', '2026-12-01T15:00Z', them, 'TODO'],
    ['Anybody', '2026-12-01T15:00Z', null, 'TODO'],
  ])
    await database.admin.query(
      `insert into ${schema}.tasks (title, due_at, assignee_id, status) values ($1, $2, $3, $4)`,
      [title, at, whose, status],
    );
  const tuesday = await enter(DEMO_EMAIL);
  await tuesday.clock.setFixedTime('2026-12-01T10:00:00Z');
  await tuesday.goto(`${address}/tasks`);
  await task(tuesday, 'Late').waitFor();
  const shown = async () =>
    Object.fromEntries(
      await Promise.all(
        (await tuesday.locator('main section').all()).map(async (section) => [
          await section.getByRole('heading').textContent(),
          await section.getByRole('listitem').getByRole('link').allInnerTexts(),
        ]),
      ),
    );
  expect(await shown()).toEqual({
    'Overdue 1': ['Late'],
    'Today 1': ['Now'],
    'Tomorrow 1': ['Soon'],
    'This week 1': ['Friday'],
    'Later 1': ['Next year'],
    'No date 1': ['Some day'],
    'Done 1': [],
  });
  await picture(tuesday, 'my-tasks-groups');
  const choose = async (name: string) => {
    await tuesday.getByRole('combobox', { name: 'Tasks of' }).click();
    await tuesday.getByRole('option', { name }).click();
  };
  await choose('Nobody');
  await task(tuesday, 'Anybody').waitFor();
  expect(await shown()).toEqual({ 'Today 1': ['Anybody'] });
  await choose(otherName);
  await task(tuesday, 'Theirs').waitFor();
  expect(await shown()).toEqual({ 'Today 1': ['Theirs'] });
  await choose('Everybody');
  await task(tuesday, 'Late').waitFor();
  expect((await shown())['Today 3']).toHaveLength(3);
  // Whose it becomes meanwhile is seen at once.
  await choose('Me');
  await database.admin.query(`update ${schema}.tasks set assignee_id = $1 where title = 'Anybody'`, [me]);
  await group(tuesday, 'Today').getByText('Anybody').waitFor();
  await tuesday.context().close();
}, 60_000);

test('a task says what it is about, and when that cannot be read', async () => {
  await database.admin.query(
    `insert into ${schema}.task_targets (task_id, target_company_id) select id, $1 from ${schema}.tasks where title = 'Late'`,
    [company],
  );
  const name = await value(`select name as value from ${schema}.companies where id = $1`, [company]);
  await writer.goto(`${address}/tasks`);
  await task(writer, 'Late').getByRole('link', { name }).waitFor();
  // What it is about changes while one looks.
  const person = await value(`select id as value from ${schema}.people order by id limit 1`);
  const personName = await value(
    `select concat_ws(' ', name_first_name, name_last_name) as value from ${schema}.people where id = $1`,
    [person],
  );
  await database.admin.query(
    `insert into ${schema}.task_targets (task_id, target_person_id) select id, $1 from ${schema}.tasks where title = 'Now'`,
    [person],
  );
  await task(writer, 'Now').getByRole('link', { name: personName }).waitFor();
  await writer.route('**/graphql', (route) =>
    route.request().postData()?.includes('query ListTaskTargets') ? route.fulfill({ status: 500 }) : route.fallback(),
  );
  await writer.reload();
  await writer.getByRole('alert').getByText('What the tasks are about could not be read').waitFor();
  await task(writer, 'Late').waitFor();
  await writer.unroute('**/graphql');
  await writer.getByRole('button', { name: 'Try again' }).click();
  await task(writer, 'Late').getByRole('link', { name }).click();
  await writer.getByRole('heading', { level: 1, name }).waitFor();
}, 60_000);

test('a task is added on a record’s page, repeats as is chosen, and reminds', async () => {
  await writer.goto(`${address}/objects/companies/${company}`);
  await writer.getByRole('tab', { name: 'Tasks' }).click();
  await writer.getByLabel('New task').fill('Send the offer +3');
  await writer.keyboard.press('Enter');
  await writer.getByRole('link', { name: 'Send the offer' }).click();
  await writer.getByRole('button', { name: /^Edit Repeats/ }).click();
  await writer.getByRole('group', { name: 'On these days' }).getByText('Mo').click();
  await writer.getByRole('button', { name: 'Save' }).click();
  await writer.getByText('Every week on Monday').first().waitFor();
  const offer = await value(`select id as value from ${schema}.tasks where title = 'Send the offer'`);
  await database.admin.query(
    `update ${schema}.tasks set due_at = now() + interval '5 minutes', reminder = 600 where id = $1`,
    [offer],
  );
  await eventually(
    'the reminder has come',
    async () =>
      (await value(`select detail ->> 'state' as value from core.notifications where record_id = $1`, [offer])) ===
      'REMINDER',
  );
}, 60_000);

test('on a phone notes and tasks are there, too', async () => {
  const phone = await enter(DEMO_EMAIL, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await phone.goto(`${address}/tasks`);
  await phone.getByRole('link', { name: 'Late' }).waitFor();
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(phone);
  await picture(phone, 'phone-tasks');
  await phone.goto(`${address}/objects/notes/${note}`);
  // A note is opened for its text.
  await body(phone).waitFor();
  await body(phone).tap();
  await pastePicture(phone, 'from-the-phone.png');
  await isSeen(phone, 'from-the-phone.png');
  await eventually('the picture is in the text', async () => (await kept()).includes('![from-the-phone.png](/files/'));
  expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await expectAccessible(phone);
  await picture(phone, 'phone-note');
  await phone.context().close();
}, 60_000);
