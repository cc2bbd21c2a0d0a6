import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { DEMO_EMAIL, DEMO_PASSWORD } from '../../db/demo/createDemo.ts';
import { useDatabase } from '../../db/testing/database.ts';
import { eventually } from '../../server/testing/server.ts';
import { startApplication } from './application.ts';
import { expectAccessible, launchChromium } from './chromium.ts';

/** Somebody finds things and does things without the mouse. The steps build on each other. */
const database = useDatabase();

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];

// A loaded machine is slow, not wrong.
jest.setTimeout(90_000);

beforeAll(async () => {
  [address, browser] = await Promise.all([startApplication(database), launchChromium()]);
  database.onEnd(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-GB',
  });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(address);
  await page.getByLabel('E-mail').fill(DEMO_EMAIL);
  await page.getByLabel('Password', { exact: true }).fill(DEMO_PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'Companies' }).waitFor();
}, 90_000);

afterAll(() => expect(complaints).toEqual([]));

const press = async (...keys: string[]) => {
  for (const key of keys) await page.keyboard.press(key);
};
const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const dialog = (name: string) => page.getByRole('dialog', { name });
const rows = () => page.getByRole('grid').locator('[data-row]');

async function openTable(path = 'people'): Promise<void> {
  await page.goto(`${address}/objects/${path}`);
  await rows().nth(5).waitFor();
}

async function closeDialog(name: string): Promise<void> {
  await dialog(name).waitFor();
  await press('Escape');
  await dialog(name).waitFor({ state: 'detached' });
}

const input = () => page.getByRole('combobox', { name: 'Search records, or type a command' });
const option = (name: string | RegExp) => page.getByRole('option', { name });
const chosen = () => page.locator('[role="option"][aria-selected="true"]');

async function find(text: string): Promise<void> {
  await press('Control+k');
  await input().fill(text);
}

/** The first person of the list, open, with the list to go through. */
async function openRecord(): Promise<void> {
  await openTable();
  await page.getByRole('grid').focus();
  await press('ArrowDown', 'Control+Enter');
  await page.waitForURL(/people\/[0-9a-f-]{36}/);
  await page.locator('[data-field]').first().waitFor();
}

/** What shows that a shortcut works, by its id. Those of parts that listen for themselves are held by the suites of these parts. */
const PROBES: { [id: string]: () => Promise<unknown> } = {
  command: async () => {
    await press('Control+k');
    await closeDialog('Search and commands');
  },
  help: async () => {
    await press('?');
    await closeDialog('Keyboard shortcuts');
  },
  create: async () => {
    await openTable();
    await press('c');
    await page.getByRole('grid').getByRole('textbox').first().waitFor();
    await press('Escape');
  },
  notifications: async () => {
    await press('n');
    await closeDialog('Notifications');
  },
  'go.inbox': async () => {
    await press('g', 'i');
    await closeDialog('Notifications');
  },
  'go.settings': async () => {
    await press('g', 's');
    await heading('Data model').waitFor();
  },
  'go.people': async () => {
    await press('g', 'p');
    await heading('People').waitFor();
  },
  'go.tasks': async () => {
    await press('g', 't');
    await page.waitForURL(/tasks/);
  },
  search: async () => {
    await openTable();
    await press('/');
    await page.getByRole('searchbox').fill('zoe');
    await page.waitForURL(/zoe/);
    await press('Escape');
    await page.getByRole('searchbox').waitFor({ state: 'detached' });
  },
  'view.filter': async () => {
    await openTable();
    await press('f');
    await page.getByRole('menuitem', { name: 'Any text' }).waitFor();
    await press('Escape');
  },
  'record.next': async () => {
    await openRecord();
    const before = page.url();
    await press('j');
    await page.waitForURL((url) => url.href !== before);
  },
  'record.previous': async () => {
    const before = page.url();
    await press('k');
    await page.waitForURL((url) => url.href !== before);
  },
  'record.edit': async () => {
    await page.locator('[data-field]').first().waitFor();
    await press('e');
    await page.locator('[data-editing] input').first().waitFor();
    await press('Escape');
  },
  undo: async () => {
    await openTable();
    await rows().nth(1).locator('[data-column="jobTitle"]').click();
    await page.keyboard.type('Undone by keys');
    await press('Enter');
    await rows().nth(1).getByText('Undone by keys').waitFor();
    await page.waitForTimeout(400);
    await press('Control+z');
    await rows().nth(1).getByText('Undone by keys').waitFor({ state: 'detached' });
  },
  redo: async () => {
    await press('Control+Shift+z');
    await rows().nth(1).getByText('Undone by keys').waitFor();
    await press('Control+z');
  },
};

test('the first of two keys says where the second leads, and Escape forgets it', async () => {
  await openTable();
  await press('g');
  const hint = page.getByRole('status').filter({ hasText: 'Opportunities' });
  await hint.waitFor();
  await press('Escape');
  await hint.waitFor({ state: 'detached' });
  await press('p');
  await heading('People').waitFor();
  await press('g', 'c');
  await heading('Companies').waitFor();
});

test('each shortcut of the list has a proof, but those that parts listen for', async () => {
  await press('?');
  await dialog('Keyboard shortcuts').waitFor();
  const ids = await page
    .locator('[data-shortcut]')
    .evaluateAll((rowsOf) => rowsOf.map((each) => each.getAttribute('data-shortcut') ?? ''));
  const proven = Object.keys(PROBES);
  // What goes to paper has a suite of its own.
  const isOfPart = (id: string) => id === 'print' || /^(table|board|calendar|timeline|inbox|tasks|text)\./.test(id);
  const isObject = (id: string) => id.startsWith('go.') && !['go.inbox', 'go.settings', 'go.tasks'].includes(id);
  await closeDialog('Keyboard shortcuts');
  expect(ids.filter((id) => !isOfPart(id) && !isObject(id) && !proven.includes(id))).toEqual([]);
  expect(ids.filter(isObject).length).toBeGreaterThan(4);
});

test.each(Object.keys(PROBES))('the shortcut %s does what the list says', async (id) => {
  await PROBES[id]?.();
});

test('single keys can be turned off, and those with a modifier stay', async () => {
  await openTable();
  await press('?');
  await page.getByRole('switch', { name: 'Single keys' }).click();
  await closeDialog('Keyboard shortcuts');
  await press('g', 'c');
  await press('?');
  await press('Control+k');
  await dialog('Search and commands').waitFor();
  await input().fill('keyboard short');
  await press('Enter');
  await page.getByRole('switch', { name: 'Single keys' }).click();
  await closeDialog('Keyboard shortcuts');
  await heading('People').waitFor();
});

test('shortcuts get other keys by pressing them, at once and everywhere, and are kept with the member', async () => {
  const kept = async () => {
    const { rows: found } = await database.admin.query<{ shortcuts: unknown }>(
      `select m.shortcuts from core.members m join core.users u on u.id = m.user_id where u.email = $1`,
      [DEMO_EMAIL],
    );
    return JSON.stringify(found[0]?.shortcuts);
  };
  const row = (id: string) => page.locator(`[data-shortcut="${id}"]`);
  const change = async (text: string, ...keys: string[]) => {
    await page
      .getByRole('button', { name: `Change the keys of ${text}`, exact: true })
      .first()
      .click();
    await press(...keys);
  };
  await openTable();
  await press('?');
  await change('New record', 'f');
  await page.getByText('They belong to “Add a filter”.').waitFor();
  await press('ArrowDown');
  await page.getByText('These keys have a meaning of their own everywhere.').waitFor();
  await press('Control+j');
  await page.getByRole('button', { name: 'Back to the usual keys of New record' }).waitFor();
  await row('create').getByText('J', { exact: true }).waitFor();
  await change('Notifications', 'f');
  await page.getByRole('button', { name: 'Take them' }).click();
  await row('view.filter').getByText('No keys').waitFor();
  await change('My tasks', 'h', 'm');
  await page.getByRole('button', { name: 'Back to the usual keys of My tasks' }).waitFor();
  await row('go.tasks').getByText('H', { exact: true }).waitFor();
  await change('Search and commands', 'Control+m');
  await row('command').getByText('M', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Back to the usual keys of Search and commands' }).waitFor();
  await page.getByRole('button', { name: 'Change the keys of Undo' }).click();
  await press('Escape');
  await page.getByRole('button', { name: 'Change the keys of Undo' }).waitFor();
  await expectAccessible(page);
  await closeDialog('Keyboard shortcuts');
  await page.getByRole('navigation', { name: 'Main' }).getByText('Ctrl M', { exact: true }).waitFor();
  await eventually(
    'kept',
    async () => (await kept()).includes('"command":"Mod+m"') || (await kept()).includes('"command": "Mod+m"'),
  );
  await page.reload();
  await rows().nth(5).waitFor();
  await page.getByRole('navigation', { name: 'Main' }).getByText('Ctrl M', { exact: true }).waitFor();
  await press('c');
  expect(await page.getByRole('grid').getByRole('textbox').count()).toBe(0);
  await press('Control+j');
  await page.getByRole('grid').getByRole('textbox').first().waitFor();
  await press('Escape');
  await press('f');
  await closeDialog('Notifications');
  await press('h', 'm');
  await heading('My tasks').waitFor();
  await press('Control+m');
  await input().fill('notific');
  await closeDialog('Search and commands');
  await press('?');
  await page.getByRole('button', { name: 'Back to the usual keys of My tasks' }).click();
  await row('go.tasks').getByText('T', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Reset all' }).click();
  await row('view.filter').getByText('F', { exact: true }).waitFor();
  await closeDialog('Keyboard shortcuts');
  await eventually('as usual', async () => (await kept()) === '{}');
  await openTable();
  await press('c');
  await page.getByRole('grid').getByRole('textbox').first().waitFor();
  await press('Escape');
});

test('what is written is no shortcut', async () => {
  await openTable();
  await press('/');
  await page.keyboard.type('gcn?');
  expect(await page.getByRole('searchbox').inputValue()).toBe('gcn?');
  await heading('People').waitFor();
  await press('Escape');
});

test('a misspelt name finds the record with its type and a line about it; it is recent afterwards, and found at once', async () => {
  await database.admin.query(
    `do $$ declare s text; begin
       select nspname into s from pg_namespace where nspname like 'ws\\_%';
       execute format('insert into %I.people (name_first_name, name_last_name, job_title) values (''Wilhelmina'', ''Featherstone'', ''Astronomer'')', s);
     end $$`,
  );
  await find('wilhelmnia fetherstone');
  const found = option(/Wilhelmina Featherstone/);
  await found.waitFor();
  await found.getByText('Person').waitFor();
  await found.getByText('Astronomer').waitFor();
  await press('Enter');
  await heading('Wilhelmina Featherstone').waitFor();
  await press('g', 'c');
  await heading('Companies').waitFor();
  await press('Control+k');
  await page.getByRole('group', { name: 'Recent', exact: true }).getByText('Wilhelmina Featherstone').waitFor();
  await page.getByRole('group', { name: 'Recent searches' }).getByText('wilhelmnia fetherstone').waitFor();
  await press('Escape');
});

test('actions of the page, settings and creating are there, by groups and by their own words', async () => {
  await openTable();
  await press('Control+k');
  await page.getByRole('group', { name: 'On this page' }).getByText('Export this view').waitFor();
  await expectAccessible(page);
  await press('Control+ArrowDown', 'Control+ArrowUp');
  await input().fill('webhokos');
  await press('Enter');
  await heading('Security').waitFor();
  await find('create comp');
  expect(await chosen().textContent()).toContain('Create company');
  await press('Enter');
  await heading('Companies').waitFor();
  await page.getByRole('grid').getByRole('textbox').first().waitFor();
  await press('Escape');
  await find('qqzzxxyy');
  await page.getByText('Nothing matches “qqzzxxyy”').waitFor();
  await expectAccessible(page);
  await press('Escape');
});

test('what is selected can be edited, exported, merged, made a favourite and deleted from the menu', async () => {
  await openTable();
  await page.getByRole('grid').focus();
  await press('ArrowDown', 'Shift+Space', 'ArrowDown', 'Shift+Space', 'Control+k');
  const these = page.getByRole('group', { name: '2 people selected' });
  for (const name of ['Edit a field of these', 'Share these', 'Export these', 'Merge these into one', 'Delete these'])
    await these.getByRole('option', { name }).waitFor();
  await input().fill('export these');
  await press('Enter');
  await page.getByRole('dialog', { name: /^Export/ }).waitFor();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await find('merge these');
  await press('Enter');
  await page.getByRole('dialog', { name: /^Merge/ }).waitFor();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await find('add these to fav');
  await press('Enter');
  await page.getByText('Added to your favourites').waitFor();
  await find('delete these');
  await press('Enter');
  await page.getByText('2 people deleted').waitFor();
  await press('Control+z');
});

test('what is chosen in the trash is restored from the menu', async () => {
  await openTable();
  await page.getByRole('grid').focus();
  await press('ArrowDown', 'Control+Backspace');
  await page.getByText('Person deleted').waitFor();
  await page.goto(`${address}/trash`);
  await page
    .getByRole('checkbox', { name: /^Select / })
    .nth(1)
    .check();
  await find('restore these');
  await press('Enter');
  await page.getByText('1 record restored').waitFor();
});

test('on a record’s page its fields are edited by their names', async () => {
  await openRecord();
  await find('change job');
  await option('Change Job title…').waitFor();
  await press('Enter');
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Job title');
  await press('Escape');
});

test('on a phone the search fills the page', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await input().fill('featherst');
  await option(/Wilhelmina Featherstone/).click();
  await heading('Wilhelmina Featherstone').waitFor();
});
