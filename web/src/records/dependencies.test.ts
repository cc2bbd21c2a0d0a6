import { company, field, model, person } from '../../tests/modelFixture.ts';
import { dependencies } from './dependencies.ts';

const formula = (expression: string) => field('made', 'FORMULA', { settings: { expression }, resultType: 'TEXT' });

test('a formula depends on the objects that its text goes through, and on no text in quotes', () => {
  expect(dependencies(model, person, [formula('fullName.firstName & company.name')])).toEqual(['object-company']);
  expect(dependencies(model, person, [formula('"company.name" & score')])).toEqual([]);
});

test('a rollup depends on the object that holds the relation', () => {
  const rollup = field('count', 'ROLLUP', { settings: { relationId: 'relation-company' }, resultType: 'NUMBER' });
  expect(dependencies(model, company, [rollup])).toEqual(['object-person']);
});

test('many-to-many depends on the links and on what they lead to', () => {
  const junction = {
    objectId: 'object-taskTarget',
    fieldId: 'a',
    otherFieldId: 'b',
    targetObjectId: 'object-task',
    inverseFieldId: 'c',
    linkConnection: 'links',
    otherName: 'task',
    relationId: 'r',
    otherRelationId: 's',
    isOnTimeline: false,
    isOnOtherTimeline: false,
  };
  const links = field('tasks', 'MANY_TO_MANY', { junction, columns: [] });
  expect(dependencies(model, person, [links])).toEqual(['object-task', 'object-taskTarget']);
});
