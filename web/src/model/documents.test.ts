import { parse, print } from 'graphql';
import { model, person, taskTarget } from '../../tests/modelFixture.ts';
import {
  createDocument,
  deleteManyDocument,
  listDocument,
  oneDocument,
  selection,
  throughDocument,
  updateDocument,
} from './documents.ts';
import { joinTarget, relatedLists } from './lookup.ts';
import { orderBy } from './sorting.ts';

const fields = person.fields.filter((field) => field.isActive);
const text = (document: object) => print(document as ReturnType<typeof parse>);

test('selects the columns of each field, a relation with the label of its record, and always the object’s own label', () => {
  const company = fields.filter((field) => field.name === 'company');
  expect(selection(model, person, company)).toBe('id company { id name } companyId fullNameFirstName fullNameLastName');
});

test('the order of columns on screen does not change the document', () => {
  expect(listDocument(model, person, fields)).toBe(listDocument(model, person, [...fields].reverse()));
});

test('other fields are another document', () =>
  expect(listDocument(model, person, fields)).not.toBe(listDocument(model, person, fields.slice(0, 2))));

test('every document parses', () => {
  const [task] = taskTarget.fields;
  const documents = [
    listDocument(model, person, fields),
    oneDocument(model, person, fields),
    createDocument(model, person, fields),
    updateDocument(model, person, fields),
    deleteManyDocument,
    throughDocument(model, taskTarget, task?.name ?? '', model.objects[2]!, []),
  ];
  for (const document of documents) expect(() => parse(text(document))).not.toThrow();
});

test('a join object is seen through: its records are listed, it is not', () => {
  expect(joinTarget(taskTarget)?.name).toBe('task');
  const lists = relatedLists(model, person);
  expect(lists.map((list) => [list.holder.nameSingular, list.through?.target.nameSingular])).toEqual([
    ['taskTarget', 'task'],
  ]);
});

test('sorts by the parts of a field and ends with the key', () => {
  expect(orderBy(person, [{ field: 'fullName', descending: true }])).toEqual([
    'FULL_NAME_FIRST_NAME_DESC',
    'FULL_NAME_LAST_NAME_DESC',
    'ID_DESC',
  ]);
  expect(orderBy(person, [{ field: 'company', descending: false }])).toEqual(['CREATED_AT_DESC', 'ID_DESC']);
  expect(orderBy(person, [])).toEqual(['CREATED_AT_DESC', 'ID_DESC']);
});
