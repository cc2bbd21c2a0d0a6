import axe from 'axe-core';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD, DEMO_SLUG } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/** How the model travels, drifts, is put back and is worked on by several at once; and that everybody can read its pages. */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');
const OTHER_EMAIL = 'olga@example.com';

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await database.admin.query<Row>(text.replaceAll('$schema', schema), values);
  return result.rows;
}

async function signIn(email: string, scheme: 'light' | 'dark' = 'light', width = 1440): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  context.setDefaultTimeout(30_000);
  const opened = await context.newPage();
  opened.on('pageerror', (error) => complaints.push(error.message));
  await opened.goto(address);
  await opened.getByLabel('E-mail').fill(email);
  await opened.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await opened.getByRole('button', { name: 'Sign in' }).click();
  await opened.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
  return opened;
}

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  await database.admin.query(
    `select engine.create_workspace('production', 'Production', $1, 'Olga Bright',
       (select password_hash from core.users where email = $2))`,
    [OTHER_EMAIL, DEMO_EMAIL],
  );
  const [found] = await sql<{ name: string }>(`select schema_name as name from core.workspaces where slug = $1`, [
    DEMO_SLUG,
  ]);
  schema = found?.name ?? '';
  page = await signIn(DEMO_EMAIL);
}, 120_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

const shot = (name: string) => page.screenshot({ path: join(shots, `${name}.png`) });
const dialog = (name: RegExp | string) => page.getByRole('dialog', { name });
const option = (name: string) => page.getByRole('option', { name, exact: true });

async function eventually(check: () => Promise<boolean>, what: string, within = 30_000): Promise<void> {
  const end = Date.now() + within;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

const fieldButton = (on: Page, label: string) => on.getByRole('button', { name: label, exact: true });

async function relabel(on: Page, object: string, field: string, label: string): Promise<void> {
  await on.goto(`${address}/settings/model/${object}?field=${field}`);
  await on.getByRole('dialog').getByLabel('Label', { exact: true }).fill(label);
}

describe('a model as a file', () => {
  const download = async (): Promise<string> => {
    await page.getByRole('button', { name: 'Export and import' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'Export the model' }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^demo-model-\d+\.json$/);
    return readFileSync(await file.path(), 'utf8');
  };

  test('goes out the same each time, and into another workspace as a plan', async () => {
    await page.goto(`${address}/settings/model`);
    const manifest = await download();
    expect(await download()).toBe(manifest);

    const other = await signIn(OTHER_EMAIL);
    await other.goto(`${address}/settings/model`);
    const choose = async (text: string) => {
      await other.locator('input[type=file]').setInputFiles({
        name: 'model.json',
        mimeType: 'application/json',
        buffer: Buffer.from(text),
      });
      await other.getByRole('button', { name: 'Show the plan' }).click();
    };
    await other.getByRole('button', { name: 'Export and import' }).click();
    await other.getByRole('menuitem', { name: 'Import a model…' }).click();
    await choose('{nope');
    await other.getByText('This file is not valid JSON.').waitFor();
    await choose('[1, 2]');
    await other.getByRole('alert').filter({ hasText: 'A manifest needs' }).waitFor();
    await choose(manifest);
    const plan = other.getByRole('dialog', { name: 'Import model.json' });
    await plan.getByText('Adds the fields', { exact: false }).first().waitFor();
    await plan.getByText(/“Probability”.*of Opportunities/).waitFor();
    await other.screenshot({ path: join(shots, 'import-plan.png') });
    // Escape leaves the plan, and the file stays chosen.
    await other.keyboard.press('Escape');
    await plan.waitFor({ state: 'detached' });
    await other.getByRole('button', { name: 'Show the plan' }).click();
    await plan.getByRole('button', { name: 'Import', exact: true }).click();
    await other.getByText('The model was imported.').waitFor();
    await other.goto(`${address}/settings/model/opportunities`);
    await fieldButton(other, 'Probability').waitFor();

    await other.goto(`${address}/settings/model`);
    await other.getByRole('button', { name: 'Export and import' }).click();
    await other.getByRole('menuitem', { name: 'Import a model…' }).click();
    await choose(manifest);
    await plan.getByText('The model is so already: there is nothing to do.').waitFor();
    expect(await plan.getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
    await other.context().close();
  }, 180_000);
});

describe('drift', () => {
  const item = (text: string) =>
    page.getByRole('list', { name: 'Differences' }).getByRole('listitem').filter({ hasText: text });

  test('shows what was changed by hand: one is adopted, one repaired, one ignored, and nothing dropped by one click', async () => {
    await page.goto(`${address}/settings/drift`);
    await page.getByText('The database is as the model says').waitFor();
    await sql(`alter table $schema.companies add column fax text`);
    await sql(`alter table $schema.companies add column telex text`);
    await sql(`alter table $schema.people alter column city set default 'Riga'`);
    await sql(`alter table $schema.notes disable trigger _300_trash`);
    await page.getByRole('button', { name: 'Look again' }).click();
    await item('Companies · fax').getByRole('button', { name: 'Adopt' }).click();
    await item('Companies · fax').waitFor({ state: 'detached' });

    await item('The trigger is disabled').getByRole('button', { name: 'Repair' }).click();
    await item('The trigger is disabled').waitFor({ state: 'detached' });
    expect(await sql(`select tgenabled from pg_trigger where tgname = '_300_trash' and tgenabled = 'D'`)).toEqual([]);

    await item('People · city').getByRole('button', { name: 'Ignore…' }).click();
    await item('People · city').getByLabel('Why it may stay').fill('Most live there');
    await page.keyboard.press('Enter');
    await item('People · city').waitFor({ state: 'detached' });
    expect(await sql('select reason from metadata.ignored_drift')).toEqual([{ reason: 'Most live there' }]);

    await item('Companies · telex').getByRole('button', { name: 'Repair…' }).click();
    await item('Companies · telex').getByText('nothing brings that back').waitFor();
    await shot('drift');
    await item('Companies · telex').getByRole('button', { name: 'Drop it' }).click();
    await page.getByText('The database is as the model says').waitFor();
    await page.getByRole('switch', { name: 'Show 1 ignored difference' }).check();
    await item('People · city').getByText('ignored', { exact: true }).waitFor();

    await page.goto(`${address}/settings/model/companies`);
    await fieldButton(page, 'Fax').waitFor();
  }, 180_000);
});

describe('history', () => {
  test('tells who did what, in detail, and goes back to a point as a plan', async () => {
    await relabel(page, 'companies', 'xLink', 'Twitter');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await fieldButton(page, 'Twitter').waitFor();
    await page.goto(`${address}/settings/history`);
    const entry = page
      .getByRole('list', { name: 'History' })
      .getByRole('listitem')
      .filter({ hasText: 'Twitter' })
      .first();
    await entry.getByRole('button', { name: 'Show details' }).click();
    await entry.locator('del', { hasText: 'X' }).waitFor();
    await entry.locator('ins', { hasText: 'Twitter' }).waitFor();
    await entry.getByText('As it is now').waitFor();
    await shot('history');
    await page
      .getByRole('button', { name: /^Revert to this point/ })
      .first()
      .click();
    const plan = dialog(/^Revert the model to version/);
    await plan.getByText('No table changes').waitFor();
    await plan.getByRole('button', { name: 'Revert', exact: true }).click();
    await page.getByText(/^The model is as it was in version/).waitFor();
    await page.goto(`${address}/settings/model/companies`);
    await fieldButton(page, 'X').waitFor();
  }, 180_000);
});

describe('two at once', () => {
  test('a plan for a model that has moved is not applied, says who moved it, and is made anew', async () => {
    await relabel(page, 'companies', 'employees', 'Headcount');
    await page.getByRole('dialog').getByRole('button', { name: 'Show the plan' }).click();
    const plan = dialog(/^Change/);
    await plan.waitFor();
    const second = await signIn(DEMO_EMAIL);
    await relabel(second, 'companies', 'address', 'Seat');
    await second.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await fieldButton(second, 'Seat').waitFor();
    await second.context().close();
    await plan.getByRole('button', { name: 'Change', exact: true }).click();
    const note = plan.getByRole('status');
    await note.getByText('Nothing was applied: the model has moved').waitFor();
    await note.getByText(/Tim Lindholm changed it: .*Seat/).waitFor();
    await shot('moved');
    expect(await sql(`select from metadata.fields where label = 'Headcount'`)).toEqual([]);
    await plan.getByRole('button', { name: 'Change', exact: true }).click();
    await plan.waitFor({ state: 'detached' });
    await fieldButton(page, 'Headcount').waitFor();
  }, 180_000);
});

interface NewIndex {
  kind?: RegExp;
  fields: string[];
  name: string;
  where?: string;
}

async function addIndex({ kind, fields, name, where }: NewIndex): Promise<Locator> {
  await page.getByRole('button', { name: 'Add index' }).first().click();
  const panel = dialog(/^New index/);
  if (kind) await panel.getByRole('radio', { name: kind }).check();
  for (const [index, field] of fields.entries()) {
    if (index > 0) await panel.getByRole('button', { name: 'Add field' }).click();
    await panel.getByRole('combobox', { name: `Field ${index + 1}` }).click();
    await option(field).click();
  }
  if (where) {
    await panel.getByRole('switch', { name: 'Only some of the records' }).check();
    await panel.getByRole('textbox', { name: 'Those for which' }).fill(where);
  }
  await panel.getByLabel('Name', { exact: true }).fill(name);
  await panel.getByRole('button', { name: 'Add index' }).click();
  return page.getByRole('list', { name: 'Indexes' }).getByRole('listitem').filter({ hasText: name });
}

describe('indexes', () => {
  test('of every kind are added, and deleted', async () => {
    await page.goto(`${address}/settings/model/opportunities?tab=indexes`);
    await (await addIndex({ fields: ['Close date'], name: 'By date' })).waitFor();
    await (await addIndex({ kind: /^Contains/, fields: ['Name'], name: 'Words' })).waitFor();
    await (await addIndex({ fields: ['Stage', 'Amount'], name: 'Pipeline' })).getByText(/Stage · Amount/).waitFor();
    await (
      await addIndex({ fields: ['Close date'], name: 'Open ones', where: 'stage != "CUSTOMER"' })
    )
      .getByText('stage')
      .waitFor();
    await page.goto(`${address}/settings/model/people?tab=indexes`);
    await page.getByRole('button', { name: 'Add index' }).first().click();
    await dialog(/^New index/)
      .getByRole('radio', { name: /^Lists/ })
      .check();
    await dialog(/^New index/)
      .getByRole('combobox', { name: 'Field 1' })
      .click();
    await option('Emails').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await dialog(/^New index/).waitFor({ state: 'detached' });
    await (await addIndex({ kind: /^Lists/, fields: ['Emails'], name: 'Mails' })).waitFor();
    const definitions = (
      await sql<{ indexdef: string }>(
        `select indexdef from pg_indexes where schemaname = '$schema' and indexname ~ '_index_'`,
      )
    ).map(({ indexdef }) => indexdef);
    // Of one field there is one for either direction of a list.
    for (const [part, count] of [
      [/close_date/, 4],
      [/gin_trgm_ops/, 1],
      [/\(stage.*amount_amount_micros/, 1],
      [/WHERE/, 2],
      [/gin \(emails_additional_emails\)/, 1],
    ] as const)
      expect([part, definitions.filter((definition) => part.test(definition)).length]).toEqual([part, count]);
    await page.getByRole('button', { name: 'Delete index Mails' }).click();
    await page.getByRole('heading', { name: 'No indexes of your own' }).waitFor();
  }, 180_000);

  test('of a large table are built by a job that one can watch, and leaving the plan keeps the form', async () => {
    await sql('update engine.settings set online_rows = 100');
    const holder = await database.admin.connect();
    try {
      await page.goto(`${address}/settings/model/people?tab=indexes`);
      const line = await addIndex({ fields: ['City'], name: 'By city' });
      const plan = dialog(/^Add the index/);
      await plan.getByText('2 steps run in the background').waitFor();
      await plan.getByRole('button', { name: 'Cancel' }).click();
      await plan.waitFor({ state: 'detached' });
      expect(
        await dialog(/^New index/)
          .getByLabel('Name', { exact: true })
          .inputValue(),
      ).toBe('By city');
      // Whoever writes to the table keeps the job waiting, so that its progress can be looked at.
      await holder.query('begin');
      await holder.query(`lock table ${schema}.people in row exclusive mode`);
      await dialog(/^New index/)
        .getByRole('button', { name: 'Add index' })
        .click();
      await plan.getByRole('button', { name: 'Add index' }).click();
      const works = page.getByRole('list', { name: 'Under way' });
      // One for either direction of a list.
      await works.getByText('Building an index').nth(1).waitFor();
      await works
        .getByText(/% of 2,500 rows|Under way/)
        .first()
        .waitFor();
      await line.getByText('being built').waitFor();
      await shot('online');
      expect(
        await sql(
          `select from engine.drift((select id from core.workspaces where slug = '${DEMO_SLUG}')) d where d.kind = 'index'`,
        ),
      ).toEqual([]);
      await holder.query('commit');
      await works.getByText('Done', { exact: true }).nth(1).waitFor();
      await line.getByText('being built').waitFor({ state: 'detached' });
    } finally {
      await holder.query('rollback');
      holder.release();
      await sql('update engine.settings set online_rows = 50000');
    }
  }, 180_000);
});

describe('the diagram', () => {
  test('makes a field, an object and a relation', async () => {
    const card = (label: string) =>
      page.locator('.react-flow__node').filter({ has: page.getByRole('link', { name: label, exact: true }) });
    await page.goto(`${address}/settings/diagram`);
    await page.getByRole('button', { name: 'Actions for Notes' }).click();
    await page.getByRole('menuitem', { name: 'Add field' }).click();
    const panel = page.getByRole('dialog');
    await panel.getByRole('button', { name: /^Text [A-Z]/ }).click();
    await panel.getByLabel('Label', { exact: true }).fill('Motto');
    await panel.getByRole('button', { name: 'Add field', exact: true }).click();
    await panel.waitFor({ state: 'detached' });
    await fieldButton(page, 'Motto').waitFor();

    await page.getByRole('button', { name: 'New object' }).click();
    await page.getByLabel('One is called').fill('Contract');
    await page.getByRole('button', { name: 'Create object' }).click();
    await panel.waitFor({ state: 'detached' });
    // The new card comes into view by itself.
    await eventually(async () => {
      const box = await card('Contracts').boundingBox();
      return box !== null && box.x > 220 && box.y > 90 && box.x + box.width < 1440 && box.y + box.height < 900;
    }, 'the new object is in view');
    await page.getByRole('button', { name: 'Actions for Contracts' }).click();
    await page.getByRole('menuitem', { name: 'Add relation' }).click();
    await panel.getByRole('combobox', { name: 'Points to' }).click();
    await option('Company').click();
    await panel.getByLabel('Label', { exact: true }).fill('Customer');
    await panel.getByRole('button', { name: 'Add field', exact: true }).click();
    await panel.waitFor({ state: 'detached' });
    await fieldButton(page, 'Customer').waitFor();
    await fieldButton(page, 'Customer').click();
    await panel.getByText('Relation', { exact: true }).first().waitFor();
    await shot('diagram-edited');
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  }, 180_000);
});

describe('everybody can read', () => {
  const pages: [name: string, path: string][] = [
    ['objects', '/settings/model'],
    ['deleted', '/settings/model?show=deleted'],
    ['fields', '/settings/model/opportunities'],
    ['a field', '/settings/model/opportunities?field=stage'],
    ['relations', '/settings/model/opportunities?tab=relations'],
    ['rules', '/settings/model/opportunities?tab=rules'],
    ['indexes', '/settings/model/opportunities?tab=indexes'],
    ['history of one', '/settings/model/opportunities?tab=history'],
    ['settings', '/settings/model/opportunities?tab=settings'],
    ['diagram', '/settings/diagram'],
    ['history', '/settings/history'],
    ['drift', '/settings/drift'],
    ['table', '/objects/companies'],
  ];

  async function violations(on: Page): Promise<string[]> {
    // What is still on its way in is half transparent, and so too faint by itself.
    await on.locator('main').getByRole('heading').first().waitFor();
    await on.waitForFunction(
      () =>
        document.querySelectorAll('.mantine-Skeleton-root').length === 0 &&
        document
          .getAnimations()
          .every(
            (animation) => animation.playState !== 'running' || animation.effect?.getTiming().iterations === Infinity,
          ),
    );
    await on.evaluate(axe.source);
    const found = await on.evaluate(() =>
      (window as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
    );
    return found.violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }

  async function read(scheme: 'light' | 'dark', width: number): Promise<{ [name: string]: string[] }> {
    const reader = await signIn(DEMO_EMAIL, scheme, width);
    const [company] = await sql<{ id: string }>('select id from $schema.companies order by name limit 1');
    const found: { [name: string]: string[] } = {};
    for (const [name, path] of [...pages, ['record', `/objects/companies/${company?.id}`] as const]) {
      await reader.goto(address + path);
      const here = await violations(reader);
      if (here.length > 0) found[name] = here;
    }
    await reader.goto(`${address}/settings/history`);
    await reader
      .getByRole('button', { name: /^Revert to this point/ })
      .last()
      .click();
    const plan = reader.getByRole('dialog');
    await plan.getByRole('button', { name: /statements?$/ }).click();
    const here = await violations(reader);
    if (here.length > 0) found['plan'] = here;
    if (width === 390) {
      await reader.goto(`${address}/settings/model`);
      const box = await reader.getByRole('textbox', { name: 'Find an object' }).boundingBox();
      expect(box?.width).toBeGreaterThan(300);
    }
    await reader.context().close();
    return found;
  }

  test('in light at 1440 pixels, and in dark at 390', async () => {
    expect(await Promise.all([read('light', 1440), read('dark', 390)])).toEqual([{}, {}]);
  }, 180_000);
});

// The last, since each page carries its thousand fields along from then on.
describe('a very wide object', () => {
  const ready = async (object: string, label: string): Promise<number> => {
    await page.goto(`${address}/settings/model`);
    await page.getByRole('link', { name: object, exact: true }).last().waitFor();
    const before = performance.now();
    await page.getByRole('region', { name: 'Objects' }).getByRole('link', { name: object, exact: true }).click();
    await fieldButton(page, label).waitFor();
    return performance.now() - before;
  };

  test('keeps its list of fields usable', async () => {
    for (const [name, fields] of [
      ['Narrow', 20],
      ['Wide', 1000],
    ] as const)
      await sql(
        `with made as (
           insert into metadata.objects (workspace_id, name_singular, name_plural, label_singular, label_plural)
           select id, lower($1) || 'Thing', lower($1) || 'Things', $1 || ' thing', $1 || ' things' from core.workspaces where slug = '${DEMO_SLUG}'
           returning id, workspace_id)
         insert into metadata.fields (workspace_id, object_id, name, label, type, position)
         select workspace_id, id, 'field' || n, 'Field ' || n, 'TEXT', n from made, generate_series(1, $2::int) n`,
        [name, fields],
      );
    await page.reload();
    await ready('Narrow things', 'Field 5');
    const narrow = Math.min(await ready('Narrow things', 'Field 5'), await ready('Narrow things', 'Field 5'));
    const wide = Math.min(await ready('Wide things', 'Field 5'), await ready('Wide things', 'Field 5'));
    expect(await page.getByRole('table', { name: 'Fields' }).getByRole('row').count()).toBeLessThan(60);
    // Drawn are only the lines in view, so fifty times as many fields may cost little more than a pause one notices.
    expect(wide).toBeLessThan(3 * narrow + 300);
    await page
      .getByRole('region', { name: /^Fields of/ })
      .evaluate((region) => region.scrollTo(0, region.scrollHeight));
    await fieldButton(page, 'Field 1000').waitFor();
    await page.getByRole('textbox', { name: 'Find a field' }).fill('field 777');
    await fieldButton(page, 'Field 777').click();
    await page.getByRole('dialog').getByLabel('Label', { exact: true }).waitFor();
    await shot('wide');
  }, 180_000);
});
