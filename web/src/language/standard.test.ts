import type { Model } from '../model/types.ts';

(globalThis as { relvarTexts?: object }).relvarTexts = {
  '@task Task': 'Aufgabe',
  '@task Tasks': 'Aufgaben',
  '@task.status Status': 'Zustand',
  '@task.status Done': 'Erledigt',
  '@record Created': 'Erstellt',
  '@role Admin': 'Verwalter',
};
const { modelInLanguage, roleText } = await import('./standard.ts');

const field = (name: string, label: string, more: object = {}) => ({
  name,
  label,
  description: null,
  options: null,
  relations: [],
  isCustom: false,
  isSystem: false,
  ...more,
});
const model = (object: object) =>
  ({ objects: [{ nameSingular: 'task', description: null, isCustom: false, ...object }] }) as unknown as Model;

test('what came with Relvar is called as the language calls it, and what somebody has renamed as they did', () => {
  const options = [
    { value: 'DONE', label: 'Done', color: 'green', position: 0 },
    { value: 'TODO', label: 'One day', color: 'gray', position: 1 },
  ];
  const fields = [field('status', 'Status', { options }), field('createdAt', 'Created', { isSystem: true })];
  const [object] = modelInLanguage(model({ labelSingular: 'Task', labelPlural: 'Errands', fields })).objects;
  expect(object).toMatchObject({ labelSingular: 'Aufgabe', labelPlural: 'Errands' });
  expect(object?.fields.map(({ label }) => label)).toEqual(['Zustand', 'Erstellt']);
  // What the database has goes back to it when another option changes.
  expect(object?.fields[0]?.options).toEqual([{ ...options[0], label: 'Erledigt', stored: 'Done' }, options[1]]);
});

test('an object of one’s own keeps its labels, though it has the name and the label of another', () => {
  const own = { labelSingular: 'Task', labelPlural: 'Tasks', isCustom: true };
  const fields = [field('status', 'Status', { isCustom: true }), field('createdAt', 'Created', { isSystem: true })];
  const [object] = modelInLanguage(model({ ...own, fields })).objects;
  expect(object).toMatchObject(own);
  expect(object?.fields.map(({ label }) => label)).toEqual(['Status', 'Erstellt']);
  expect([roleText('Admin'), roleText('Sales')]).toEqual(['Verwalter', 'Sales']);
});
