import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { startApplication } from './application.ts';
import { launchChromium } from './chromium.ts';

/**
 * Settings → Data model, used end to end in a real browser: every type of field, relations of each kind, rules, renames,
 * conversions and deletions. What the screen says is compared with what the database then holds.
 */
const database = useDatabase();
const shots = join(import.meta.dirname, '..', '..', 'data', 'screenshots');

let browser: Browser;
let page: Page;
let address: string;
let schema: string;
const complaints: string[] = [];

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const found = await database.admin.query<{ nspname: string }>(
    `select nspname from pg_namespace where nspname like 'ws\\_%'`,
  );
  schema = found.rows[0]?.nspname ?? '';
  const context = await browser.newContext({
    viewport: { width: 1440, height: 1000 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(45_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
}, 180_000);

afterAll(() => {
  expect(complaints).toEqual([]);
});

async function sql<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await database.admin.query<Row>(text.replaceAll('$schema', schema), values);
  return result.rows;
}

async function eventually(check: () => Promise<boolean>, what: string, within = 45_000): Promise<void> {
  const end = Date.now() + within;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`Not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

const shot = (name: string) => page.screenshot({ path: join(shots, `model-${name}.png`) });
const fieldRow = (label: string) =>
  page.getByRole('row').filter({ has: page.getByRole('button', { name: label, exact: true }) });
const dialog = (name: string | RegExp) => page.getByRole('dialog', { name, exact: true });
const openObject = async (namePlural: string, rest = '') => {
  await page.goto(`${address}/settings/model/${namePlural}${rest}`);
  await page.getByRole('tablist').waitFor();
};

async function openField(namePlural: string, name: string): Promise<Locator> {
  await openObject(namePlural, `?field=${name}`);
  const panel = page.getByRole('dialog');
  await panel.getByLabel('Label', { exact: true }).waitFor();
  return panel;
}

/** The panel of a new field of a type, from the gallery. */
async function newField(type: string): Promise<Locator> {
  await page.getByRole('button', { name: 'Add field', exact: true }).click();
  const panel = page.getByRole('dialog');
  await panel.getByRole('button', { name: new RegExp(`^${type} [A-Z]`) }).click();
  return panel;
}

async function choose(panel: Locator, name: string | RegExp, option: string): Promise<void> {
  await panel.getByRole('combobox', { name }).click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

async function save(panel: Locator, button: string): Promise<void> {
  await panel.getByRole('button', { name: button, exact: true }).click();
  await panel.waitFor({ state: 'detached' });
}

/** Agrees to what the plan shows. */
async function agree(name: string | RegExp, verb: string): Promise<void> {
  const plan = dialog(name);
  await plan.getByRole('button', { name: verb, exact: true }).click();
  await plan.waitFor({ state: 'detached' });
}

async function dragBelow(grip: Locator, target: Locator): Promise<void> {
  const [from, to] = await Promise.all([grip.boundingBox(), target.boundingBox()]);
  if (!from || !to) throw new Error('The row is not on screen.');
  await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(to.x + to.width / 2, to.y + to.height / 2, { steps: 8 });
  await page.mouse.up();
}

const fieldOf = async (object: string, name: string) => {
  const [row] = await sql<{
    id: string;
    type: string;
    label: string;
    settings: { [name: string]: unknown };
    options: { value: string }[];
    default_value: unknown;
    is_unique: boolean;
  }>(
    `select f.* from metadata.fields f join metadata.objects o on o.id = f.object_id
     where o.name_plural = $1 and f.name = $2 and f.deleted_at is null`,
    [object, name],
  );
  return row;
};

describe('fields of every type', () => {
  test('are made with their settings, and shown before they exist', async () => {
    await page.goto(`${address}/settings/model`);
    await page.getByRole('button', { name: 'New object' }).click();
    await dialog('New object').getByLabel('One is called').fill('Course');
    await save(dialog('New object'), 'Create object');
    await fieldRow('Name').waitFor();

    const preview = async (type: string, label: string, sample: string | RegExp) => {
      const panel = await newField(type);
      await panel.getByLabel('Label', { exact: true }).fill(label);
      await panel.getByRole('region', { name: 'Preview' }).getByText(sample).first().waitFor();
      return panel;
    };
    const make = async (
      type: string,
      label: string,
      sample: string | RegExp,
      set?: (panel: Locator) => Promise<void>,
    ) => {
      const panel = await preview(type, label, '');
      await set?.(panel);
      await panel.getByRole('region', { name: 'Preview' }).getByText(sample).first().waitFor();
      await save(panel, 'Add field');
      await fieldRow(label).waitFor();
    };
    /** Those without settings of their own are looked at and left. */
    const see = async (type: string, label: string, sample: string | RegExp) => {
      const panel = await preview(type, label, sample);
      await panel.getByRole('button', { name: 'Choose another type' }).click();
      await panel.getByLabel('Find a type').waitFor();
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });
    };
    const options = async (panel: Locator) => {
      await panel.getByLabel('Option 1', { exact: true }).fill('Planned');
      await panel.getByLabel('Option 1', { exact: true }).press('Enter');
      await panel.getByLabel('Option 2', { exact: true }).fill('Under way');
      await panel.getByLabel('Option 3', { exact: true }).fill('Over');
    };
    await make('Text', 'Motto', 'Moon landing', (panel) => panel.getByLabel('Lines shown').fill('3'));
    await make('Long text', 'Syllabus', /next step/);
    await make('Number', 'Seats', '1,280', (panel) => panel.getByLabel('Whole numbers only').check());
    await make('Exact number', 'Factor', /1,?280\.12/, (panel) => panel.getByLabel('Decimals').fill('2'));
    await make('Currency', 'Fee', /25,400|25\.4/, (panel) => choose(panel, 'Usual currency', 'EUR'));
    await make('Percent', 'Discount', '25%', async (panel) => {
      await panel.getByText('A value', { exact: true }).click();
      await panel.getByLabel('Value of new records').fill('10');
    });
    await see('Duration', 'Length', '1h 30m');
    await see('Rating', 'Quality', /.*/);
    await make('Auto-number', 'Number', 'C-007', async (panel) => {
      await panel.getByLabel('Before the number').fill('C-');
      await panel.getByLabel('Digits').fill('3');
      await panel.getByLabel('First number').fill('7');
    });
    await make('Select', 'State', 'Planned', async (panel) => {
      await options(panel);
      await panel.getByText('A value', { exact: true }).click();
      await choose(panel, 'Value of new records', 'Planned');
    });
    await make('Multi-select', 'Moods', 'Under way', options);
    await see('Yes or no', 'Open', /.*/);
    await make('Date', 'Begins', '22.11.2026', (panel) => choose(panel, 'Shown as', 'By a pattern'));
    await make('Date and time', 'Opened', /22 Nov 2026/, (panel) => panel.getByText('Now', { exact: true }).click());
    await make('Member', 'Teacher', 'Anna Lindqvist', (panel) =>
      panel.getByText('Who creates it', { exact: true }).click(),
    );
    await see('Full name', 'Guest', 'Anna Lindqvist');
    await make('E-mail', 'Enquiries', 'anna@lindqvist.example', (panel) => panel.getByLabel('At most').fill('2'));
    await see('Phone', 'Hotline', /555/);
    await see('Link', 'Page', 'lindqvist.example');
    await see('Address', 'Place', /Malmö/);
    await see('Location', 'Spot', /55\.6/);
    await see('List of texts', 'Topics', 'First');
    await see('Colour', 'Tint', '#0f6b57');
    await see('Files', 'Papers', 'Offer.pdf');
    await see('JSON', 'Extra', /import/);
    await see('Identifier', 'Foreign key', /018f3a52/);
    await see('Actor', 'Approved by', 'Anna Lindqvist');
    await make('Formula', 'Income', /.+/, async (panel) => {
      await panel.getByRole('textbox', { name: 'Formula' }).fill('fee * seats');
      await panel.getByText('Gives currency').waitFor();
    });
    await shot('all-types');

    const kept = await sql<{ name: string; type: string }>(
      `select f.name, f.type from metadata.fields f join metadata.objects o on o.id = f.object_id
       where o.name_plural = 'courses' and not f.is_system order by f.position`,
    );
    expect(kept.map(({ type }) => type)).toEqual(
      'TEXT TEXT RICH_TEXT NUMBER NUMERIC CURRENCY PERCENT AUTO_NUMBER SELECT MULTI_SELECT DATE DATE_TIME MEMBER EMAILS FORMULA'.split(
        ' ',
      ),
    );
    const [first, second] = await sql<{ [column: string]: unknown }>(
      `insert into $schema.courses (name, seats, fee_amount_micros) values ('Chess', 10, 5000000), ('Go', 4, 2000000) returning *`,
    );
    expect(first).toMatchObject({ number_text: 'C-007', state: 'PLANNED', discount: 0.1, fee_currency_code: 'EUR' });
    expect(first?.['opened']).toBeInstanceOf(Date);
    expect(second).toMatchObject({ number_text: 'C-008' });
    expect((await fieldOf('courses', 'enquiries'))?.settings).toEqual({ maxNumberOfValues: 2 });
    expect((await fieldOf('courses', 'seats'))?.settings).toEqual({ dataType: 'int' });
  }, 480_000);

  test('can be put in order by mouse and by keyboard, and stay so', async () => {
    await openObject('courses');
    await fieldRow('Motto').waitFor();
    await dragBelow(page.getByRole('button', { name: /^Move Motto:/ }), fieldRow('Seats'));
    const order = async () => {
      const rows = await sql<{ name: string }>(
        `select f.name from metadata.fields f join metadata.objects o on o.id = f.object_id
         where o.name_plural = 'courses' and not f.is_system order by f.position limit 5`,
      );
      return rows.map(({ name }) => name).join(' ');
    };
    await eventually(
      async () => (await order()) === 'name syllabus seats motto factor',
      'the motto is below the seats',
    );
    const grip = page.getByRole('button', { name: /^Move Syllabus:/ });
    await grip.focus();
    // Faster than the database answers.
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'ArrowUp']) await page.keyboard.press(key);
    await eventually(async () => (await order()) === 'name seats syllabus motto factor', 'the syllabus has gone down');
    expect(await grip.evaluate((element) => element === document.activeElement)).toBe(true);
    await page.keyboard.press('ArrowUp');
    await eventually(async () => (await order()) === 'name syllabus seats motto factor', 'the syllabus has gone up');
    await page.reload();
    await fieldRow('Motto').waitFor();
    const labels = await page.getByRole('row').locator('button:not([aria-label])').allInnerTexts();
    expect(labels.slice(0, 5)).toEqual(['Name', 'Syllabus', 'Seats', 'Motto', 'Factor']);
  }, 240_000);
});

describe('the options of a select', () => {
  test('can be put in order by mouse and by keyboard, and stay so', async () => {
    const panel = await openField('courses', 'state');
    await dragBelow(
      panel.getByRole('button', { name: /^Move option 1:/ }),
      panel.getByLabel('Option 3', { exact: true }),
    );
    expect(await panel.getByLabel('Option 3', { exact: true }).inputValue()).toBe('Planned');
    await panel.getByRole('button', { name: /^Move option 2:/ }).focus();
    await page.keyboard.press('ArrowUp');
    expect(await panel.getByLabel('Option 1', { exact: true }).inputValue()).toBe('Over');
    await save(panel, 'Save');
    expect((await fieldOf('courses', 'state'))?.options.map(({ value }) => value)).toEqual([
      'OVER',
      'UNDER_WAY',
      'PLANNED',
    ]);
  }, 240_000);

  test('go only when nothing has them, or with another in their place', async () => {
    const panel = await openField('courses', 'state');
    await panel.getByRole('button', { name: 'Remove option 3' }).click();
    const removal = panel.getByRole('group', { name: 'Remove Planned' });
    const uses = removal.getByRole('region', { name: 'Still used, so it cannot go yet' });
    await uses.getByText('2 courses have it').waitFor();
    await uses.getByText('New records start with it').waitFor();
    expect(await removal.getByRole('button', { name: 'Remove', exact: true }).isDisabled()).toBe(true);
    await shot('option-used');
    await choose(removal, 'Records that are “Planned” become', 'Over');
    await removal.getByRole('region', { name: '“Over” takes its place here' }).waitFor();
    await removal.getByRole('button', { name: 'Remove', exact: true }).click();
    await removal.waitFor({ state: 'detached' });
    await panel.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog('Change “State”').getByText('2 records get another value.').waitFor();
    await agree('Change “State”', 'Change');
    await panel.waitFor({ state: 'detached' });
    const state = await fieldOf('courses', 'state');
    expect(state?.options.map(({ value }) => value)).toEqual(['OVER', 'UNDER_WAY']);
    expect(state?.default_value).toBe('OVER');
    expect(await sql('select distinct state from $schema.courses')).toEqual([{ state: 'OVER' }]);
  }, 240_000);
});

describe('relations', () => {
  const relate = async (
    from: string,
    kind: string,
    target: string,
    label: string,
    inverse: string,
    onDelete?: string,
  ) => {
    await openObject(from, '?tab=relations');
    await page.getByRole('button', { name: 'Add relation' }).click();
    const panel = page.getByRole('dialog');
    await panel.getByRole('radio', { name: kind }).check();
    await choose(panel, /^(Points to|Has many)$/, target);
    await panel.getByLabel('Label', { exact: true }).fill(label);
    await panel.getByLabel(/ called$/).fill(inverse);
    if (onDelete) await choose(panel, /is deleted$/, onDelete);
    await save(panel, 'Add field');
    await page.getByRole('row').filter({ hasText: label }).first().waitFor();
  };
  const relation = async (object: string, field: string) =>
    sql<{ target: string; inverse_name: string; on_delete: string }>(
      `select t.name_plural as target, r.inverse_name, r.on_delete from metadata.relations r
       join metadata.fields f on f.id = r.field_id join metadata.objects o on o.id = f.object_id
       join metadata.objects t on t.id = r.target_object_id
       where o.name_plural = $1 and f.name = $2 and r.deleted_at is null order by 1`,
      [object, field],
    );

  test('join two objects in each way, and say what becomes of the many', async () => {
    await relate(
      'courses',
      'Many to one',
      'Company',
      'Sponsor',
      'Sponsored courses',
      'It cannot be deleted while there are courses',
    );
    await relate('courses', 'Many to one', 'Company', 'Host', 'Hosted courses');
    await relate('courses', 'One to many', 'Task', 'Chores', 'Course', 'The tasks are deleted with it');
    await relate('courses', 'One to one', 'Person', 'Caretaker', 'Care of');
    expect(await relation('courses', 'sponsor')).toEqual([
      { target: 'companies', inverse_name: 'sponsoredCourses', on_delete: 'RESTRICT' },
    ]);
    expect(await relation('courses', 'host')).toEqual([
      { target: 'companies', inverse_name: 'hostedCourses', on_delete: 'SET_NULL' },
    ]);
    expect(await relation('tasks', 'course')).toEqual([
      { target: 'courses', inverse_name: 'chores', on_delete: 'CASCADE' },
    ]);
    expect((await fieldOf('courses', 'caretaker'))?.is_unique).toBe(true);
    const table = page.getByRole('table');
    await table
      .getByRole('row', { name: /Sponsor Companies Many to one Sponsored courses deletion refused/ })
      .waitFor();
    await table.getByRole('row', { name: /Chores Tasks One to many Course deleted with it/ }).waitFor();
    await table.getByRole('row', { name: /Caretaker People One to one Care of emptied/ }).waitFor();
    await shot('relations');
  }, 240_000);

  test('refuse a name that the other side has already, where it is typed', async () => {
    await page.getByRole('button', { name: 'Add relation' }).click();
    const panel = page.getByRole('dialog');
    await choose(panel, 'Points to', 'Company');
    await panel.getByLabel('Label', { exact: true }).fill('Guardian');
    await panel.getByLabel(/ called$/).fill('Hosted courses');
    await panel.getByRole('button', { name: 'Add field', exact: true }).click();
    await panel.getByRole('alert').filter({ hasText: 'hostedCourses' }).waitFor();
    await shot('relation-refused');
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
  }, 240_000);

  test('join an object to itself', async () => {
    await page.getByRole('button', { name: 'Add relation' }).click();
    const panel = page.getByRole('dialog');
    await choose(panel, 'Points to', 'Course');
    expect(await panel.getByLabel('Label', { exact: true }).inputValue()).toBe('Parent course');
    expect(await panel.getByLabel(/ called$/).inputValue()).toBe('Child courses');
    await save(panel, 'Add field');
    expect(await relation('courses', 'parentCourse')).toEqual([
      { target: 'courses', inverse_name: 'childCourses', on_delete: 'SET_NULL' },
    ]);
  }, 240_000);

  test('join many to many, and their links may have fields', async () => {
    await page.getByRole('button', { name: 'Add relation' }).click();
    let panel = page.getByRole('dialog');
    await panel.getByRole('radio', { name: 'Many to many' }).check();
    await choose(panel, 'Points to', 'Person');
    await panel.getByLabel('Label', { exact: true }).fill('Students');
    await panel.getByLabel(/ called$/).fill('Attended courses');
    await save(panel, 'Add field');
    panel = await openField('courses', 'students');
    await shot('many-to-many');
    await panel.getByRole('link', { name: 'Attended courses' }).waitFor();
    const links = panel
      .getByText(/The links lie in/)
      .getByRole('link')
      .last();
    await links.click();
    await panel.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Add field', exact: true }).waitFor();
    const added = await newField('Text');
    await added.getByLabel('Label', { exact: true }).fill('Role');
    await save(added, 'Add field');
    await fieldRow('Role').waitFor();
    const [junction] = await sql<{ is_junction: boolean }>(
      `select o.is_junction from metadata.objects o join metadata.fields f on f.object_id = o.id where f.name = 'role'`,
    );
    expect(junction?.is_junction).toBe(true);
  }, 240_000);

  test('point to one of several objects, which may become more or fewer', async () => {
    await openObject('courses', '?tab=relations');
    await page.getByRole('button', { name: 'Add relation' }).click();
    let panel = page.getByRole('dialog');
    await panel.getByRole('radio', { name: 'To one of several objects' }).check();
    const targets = () => panel.getByRole('combobox', { name: 'Points to one of' });
    for (const name of ['Company', 'Person']) await choose(panel, 'Points to one of', name);
    await targets().press('Escape');
    await panel.getByLabel('Label', { exact: true }).fill('Payer');
    await panel.getByLabel(/ called$/).fill('Paid courses');
    await save(panel, 'Add field');
    expect((await relation('courses', 'payer')).map(({ target }) => target)).toEqual(['companies', 'people']);
    await sql(
      `update $schema.courses set payer_company_id = (select id from $schema.companies limit 1) where name = 'Chess'`,
    );

    panel = await openField('courses', 'payer');
    await choose(panel, 'Points to one of', 'Opportunity');
    await targets().press('Escape');
    await save(panel, 'Save');
    expect(await relation('courses', 'payer')).toEqual([
      { target: 'companies', inverse_name: 'paidCourses', on_delete: 'SET_NULL' },
      { target: 'opportunities', inverse_name: 'paidCourses', on_delete: 'SET_NULL' },
      { target: 'people', inverse_name: 'paidCourses', on_delete: 'SET_NULL' },
    ]);

    panel = await openField('courses', 'payer');
    await targets().press('Backspace');
    await panel.getByRole('button', { name: 'Save', exact: true }).click();
    await dialog('Change “Payer”').getByText('What leaves').waitFor();
    await shot('target-removed');
    await agree('Change “Payer”', 'Change');
    await panel.waitFor({ state: 'detached' });
    expect(await relation('courses', 'payer')).toHaveLength(2);

    await page.goto(`${address}/settings/model?show=deleted`);
    await page.getByRole('button', { name: /^Restore Payer: / }).click();
    await page.getByRole('heading', { name: 'Nothing is deleted' }).waitFor();
    expect(await relation('courses', 'payer')).toHaveLength(3);
  }, 240_000);
});

describe('names and looks', () => {
  test('a renamed field is known by its former name until that is released', async () => {
    let panel = await openField('courses', 'seats');
    await panel.getByLabel('API name', { exact: true }).fill('places');
    await panel.getByText('“seats” goes on working until you release it.').waitFor();
    await panel.getByRole('button', { name: 'Save', exact: true }).click();
    await agree('Change “Seats”', 'Change');
    await panel.waitFor({ state: 'detached' });
    panel = await openField('courses', 'places');
    const former = panel.getByRole('region', { name: 'Former API names' });
    await former.getByText('seats', { exact: true }).scrollIntoViewIfNeeded();
    await shot('field-alias');
    await former.getByRole('button', { name: 'Release seats' }).click();
    await former.waitFor({ state: 'detached' });
    expect(await sql(`select from metadata.aliases where name = 'seats'`)).toHaveLength(0);
    await page.keyboard.press('Escape');
  }, 240_000);

  test('a renamed object is known by its former names until they are released', async () => {
    await openObject('courses', '?tab=settings');
    await page.getByLabel('API name of one').fill('lesson');
    await page.getByLabel('API name of many').fill('lessons');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await agree('Change courses', 'Change');
    await page.waitForURL(/model\/lessons/);
    const former = page.getByRole('region', { name: 'Former API names' });
    await former.getByText('course', { exact: true }).waitFor();
    await shot('object-aliases');
    await former.getByRole('button', { name: 'Release courses' }).click();
    await former.getByText('courses', { exact: true }).waitFor({ state: 'detached' });
    await former.getByRole('button', { name: 'Release course' }).click();
    await former.waitFor({ state: 'detached' });
    await page.getByText('In psql it is').getByText('lessons').waitFor();
  }, 240_000);

  test('what came with the product is changed, and reset to how it came', async () => {
    await openObject('tasks', '?tab=settings');
    await page.getByLabel('One is called').fill('Errand');
    await page.getByLabel('Many are called').fill('Errands');
    await page.getByRole('button', { name: 'Icon and colour' }).click();
    await page.getByRole('group', { name: 'Colour' }).getByRole('button', { name: 'purple' }).click();
    await page.getByRole('group', { name: 'Icon', exact: true }).getByRole('button').first().click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Errands' }).waitFor();
    const panel = await openField('tasks', 'dueAt');
    await panel.getByLabel('Label', { exact: true }).fill('Deadline');
    await save(panel, 'Save');
    await fieldRow('Deadline').waitFor();

    const again = await openField('tasks', 'dueAt');
    await again.getByRole('button', { name: 'Reset to standard' }).click();
    await agree('Reset “Deadline” to standard', 'Reset');
    await again.waitFor({ state: 'detached' });
    await fieldRow('Due date').waitFor();
    await openObject('tasks', '?tab=settings');
    await page.getByRole('button', { name: 'Reset to standard' }).click();
    await agree('Reset errands to standard', 'Reset');
    await page.getByRole('heading', { level: 1, name: 'Tasks' }).waitFor();
    expect(await page.getByLabel('Many are called').inputValue()).toBe('Tasks');
  }, 240_000);

  test('what came with the product is deactivated and reactivated', async () => {
    await openObject('notes', '?tab=settings');
    await page.getByRole('button', { name: 'Deactivate', exact: true }).click();
    await page.getByRole('button', { name: 'Reactivate', exact: true }).waitFor();
    await page
      .getByRole('navigation', { name: 'Main' })
      .getByRole('link', { name: 'Notes' })
      .waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Data model' }).first().click();
    await page.getByText('Deactivated', { exact: true }).first().click();
    await page.getByRole('link', { name: 'Notes' }).click();
    await page.getByRole('tab', { name: 'Settings' }).click();
    await page.getByRole('button', { name: 'Reactivate', exact: true }).click();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Notes' }).waitFor();
  }, 240_000);
});

describe('rules', () => {
  const add = async (kind: string) => {
    await openObject('companies', '?tab=rules');
    await page.getByRole('button', { name: 'Add rule' }).click();
    const panel = dialog(/New rule/);
    await panel.getByRole('radio', { name: kind }).check();
    return panel;
  };
  const rules = () => page.getByRole('list', { name: 'Rules', exact: true });

  test('that old records break show which, and can be for new records only', async () => {
    await sql(`update $schema.companies set x_link_primary_link_url = null, x_link_secondary_links = null`);
    const panel = await add('Must be filled');
    await choose(panel, 'Field', 'X');
    await panel.getByText(/records break it now/).waitFor();
    expect(await panel.getByRole('status').getByRole('link').count()).toBeGreaterThan(3);
    await panel.getByRole('button', { name: 'Add rule', exact: true }).click();
    const plan = dialog('Add a rule');
    await plan.getByText(/records break the rule/).waitFor();
    expect(await plan.getByRole('button', { name: 'Add rule', exact: true }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await plan.waitFor({ state: 'detached' });
    await panel.getByLabel('For new records only').check();
    await panel.getByRole('button', { name: 'Add rule', exact: true }).click();
    await panel.waitFor({ state: 'detached' });
    await rules()
      .getByText(/of records created since/)
      .waitFor();
  }, 240_000);

  test('of several fields together, and on a condition', async () => {
    let panel = await add('No two alike');
    await choose(panel, 'Fields', 'Name');
    await page.getByRole('option', { name: 'Employees', exact: true }).click();
    await page.keyboard.press('Escape');
    await panel.getByLabel('Ignore case').check();
    await panel.getByText(/every record fulfils it/).waitFor();
    await save(panel, 'Add rule');
    await rules()
      .getByText(/Name and Employees/)
      .waitFor();

    panel = await add('Must be filled');
    await choose(panel, 'Field', 'LinkedIn');
    await panel.getByLabel('Only when a condition is true').check();
    await panel.getByRole('textbox', { name: 'When' }).fill('employees > 5000000');
    await panel.getByLabel('What people read who break it').fill('The biggest need a LinkedIn page.');
    await panel.getByText(/every record fulfils it/).waitFor();
    await shot('rule-condition');
    await save(panel, 'Add rule');
    await rules().getByText('The biggest need a LinkedIn page.').waitFor();
    await shot('rules');
  }, 240_000);

  test('are told at the field on the page of a record', async () => {
    const [one, two] = await sql<{ id: string; name: string; employees: string }>(
      `update $schema.companies c set linkedin_link_primary_link_url = null, employees = 77
       where id in (select id from $schema.companies order by name limit 2) returning id, name, employees`,
    );
    await page.goto(`${address}/objects/companies/${one?.id}`);
    await page.getByRole('button', { name: /^Edit Employees/ }).click();
    await page.getByLabel('Employees', { exact: true }).fill('6000000');
    await page.keyboard.press('Enter');
    await page
      .locator('[data-field="employees"], [data-field="linkedinLink"]')
      .getByRole('alert')
      .filter({ hasText: 'The biggest need a LinkedIn page.' })
      .first()
      .waitFor();
    await shot('rule-refused');
    await page.getByRole('button', { name: 'Take back' }).first().click();
    await sql('update $schema.companies set name = $1 where id = $2', ['Twin Ltd', one?.id]);
    const answer = await page.evaluate(
      ([id]) =>
        fetch('/graphql', {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            query:
              'mutation ($id: UUID!) { updateCompany(input: { id: $id, patch: { name: "TWIN LTD", employees: "77" } }) { clientMutationId } }',
            variables: { id },
          }),
        }).then((response) => response.json()),
      [two?.id],
    );
    expect(answer.errors[0].message).toMatch(/Name and Employees/);
  }, 240_000);
});

describe('the type of a field', () => {
  test('is changed after a preview of what fails, which may be emptied, and changed back', async () => {
    await sql(`update $schema.lessons set motto = case name when 'Chess' then '64' else 'many' end`);
    let panel = await openField('lessons', 'motto');
    await panel.getByRole('button', { name: 'Change type…' }).click();
    const change = dialog(/Change the type/);
    await choose(change, /becomes/, 'Number');
    await change.getByText('1 value converts').waitFor();
    await change.getByRole('region', { name: 'Values that do not convert' }).getByText('many').waitFor();
    const apply = change.getByRole('button', { name: 'Change type', exact: true });
    expect(await apply.isDisabled()).toBe(true);
    await change.getByLabel('Empty them').check();
    await shot('type-fails');
    await apply.click();
    await agree('Make “Motto” number', 'Change type');
    await eventually(async () => (await fieldOf('lessons', 'motto'))?.type === 'NUMBER', 'the motto is a number');
    expect(await sql('select name, motto from $schema.lessons order by name')).toEqual([
      { name: 'Chess', motto: 64 },
      { name: 'Go', motto: null },
    ]);
    panel = await openField('lessons', 'motto');
    await panel.getByText(/Was text until .*; 1 value was emptied/).waitFor();
    await panel.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('“Motto” is text again.').waitFor();
    expect(await sql('select name, motto from $schema.lessons order by name')).toEqual([
      { name: 'Chess', motto: '64' },
      { name: 'Go', motto: 'many' },
    ]);
  }, 240_000);
});

describe('what is deleted', () => {
  const deleted = () => page.goto(`${address}/settings/model?show=deleted`);
  const restore = (label: string) => page.getByRole('button', { name: `Restore ${label}` });

  test('is not what something else uses, unless another takes its place', async () => {
    const panel = await openField('lessons', 'fee');
    await panel.getByRole('button', { name: 'Delete field…' }).click();
    const removal = dialog('Delete “Fee”?');
    await removal.getByRole('region', { name: 'Still used, so it cannot go yet' }).getByText('Income').waitFor();
    expect(await removal.getByRole('button', { name: 'Delete field', exact: true }).isDisabled()).toBe(true);
    expect(await removal.getByRole('combobox', { name: 'What uses it takes instead' }).count()).toBe(0);
    await shot('field-used');
    await page.keyboard.press('Escape');
    await removal.waitFor({ state: 'detached' });
    await panel.waitFor();
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });

    const added = await newField('Currency');
    await added.getByLabel('Label', { exact: true }).fill('Price');
    await save(added, 'Add field');
    const again = await openField('lessons', 'fee');
    await again.getByRole('button', { name: 'Delete field…' }).click();
    await choose(removal, 'What uses it takes instead', 'Price');
    await removal.getByRole('region', { name: '“Price” takes its place here' }).getByText('Income').waitFor();
    await removal.getByRole('button', { name: 'Delete field', exact: true }).click();
    await dialog('Delete “Fee”').getByText('What leaves').waitFor();
    await shot('delete-plan');
    await agree('Delete “Fee”', 'Delete');
    await again.waitFor({ state: 'detached' });
    expect((await fieldOf('lessons', 'income'))?.settings['expression']).toBe('price * places');
    expect(await fieldOf('lessons', 'fee')).toBeUndefined();
  }, 240_000);

  test('comes back with its values, or goes for good', async () => {
    await deleted();
    await shot('deleted');
    await restore('Fee').click();
    await restore('Fee').waitFor({ state: 'detached' });
    expect(await sql(`select fee_amount_micros as fee from $schema.lessons where name = 'Chess'`)).toEqual([
      { fee: '5000000' },
    ]);
    const panel = await openField('lessons', 'fee');
    await panel.getByRole('button', { name: 'Delete field…' }).click();
    await dialog('Delete “Fee”?').getByText('Nothing else in the model uses it.').waitFor();
    await dialog('Delete “Fee”?').getByRole('button', { name: 'Delete field', exact: true }).click();
    await agree('Delete “Fee”', 'Delete');
    await panel.waitFor({ state: 'detached' });
    await deleted();
    await page.getByRole('button', { name: 'Delete Fee for good' }).click();
    await dialog(/Delete “Fee” for good/)
      .getByRole('button', { name: 'Delete for good' })
      .click();
    await restore('Fee').waitFor({ state: 'detached' });
    expect(
      await sql(`select from pg_attribute where attrelid = '$schema.lessons'::regclass and attname like 'fee%'`),
    ).toHaveLength(0);
  }, 240_000);

  test('may be an object with its records and the relations to it', async () => {
    const remove = async () => {
      await openObject('lessons', '?tab=settings');
      await page.getByRole('button', { name: 'Delete object…' }).click();
      const removal = dialog('Delete courses?');
      await removal.getByRole('region', { name: 'This goes with it' }).getByText('points to it').first().waitFor();
      await removal.getByRole('button', { name: 'Delete object', exact: true }).click();
      await agree('Delete courses', 'Delete');
      await page.waitForURL(/settings\/model$/);
    };
    await remove();
    await deleted();
    await restore('Courses').click();
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Courses' }).waitFor();
    expect(await sql('select name from $schema.lessons order by name')).toEqual([{ name: 'Chess' }, { name: 'Go' }]);
    expect(await fieldOf('tasks', 'course')).toBeDefined();
    await remove();
    await deleted();
    await page.getByRole('button', { name: 'Delete Courses for good' }).click();
    await dialog(/Delete “Courses” for good/)
      .getByRole('button', { name: 'Delete for good' })
      .click();
    await restore('Courses').waitFor({ state: 'detached' });
    expect(await sql(`select from metadata.objects where name_plural = 'lessons'`)).toHaveLength(0);
  }, 240_000);
});
