import { buildSchema, parse, print, specifiedRules, validate } from 'postgraphile/graphql';
import { FormerNames } from './formerNames.ts';
import { presentDocument, presentVariables } from './presentDocument.ts';

/** As the gateway would build it for persons that became contacts, and tasks that became to-dos. */
const schema = buildSchema(`
  scalar UUID
  type Query {
    contacts(filter: ContactFilter, orderBy: [ContactOrderBy!], first: Int): ContactConnection
    contact(id: UUID!): Contact
    taskLists(first: Int): ContactConnection
  }
  type Mutation {
    createContact(input: CreateContactInput!): CreateContactPayload
    updateContact(input: UpdateContactInput!): CreateContactPayload
  }
  type ContactConnection { nodes: [Contact!]! totalCount: Int! }
  type Contact { id: UUID! fullNameFirstName: String employerId: UUID employer: Company todoTargets: ContactConnection targetContactId: UUID }
  type Company { id: UUID! name: String }
  input StringFilter { equalTo: String }
  input ContactFilter { fullNameFirstName: StringFilter employer: CompanyFilter employerExists: Boolean and: [ContactFilter!] }
  input CompanyFilter { name: StringFilter }
  input ContactInput { fullNameFirstName: String employerId: UUID }
  input ContactPatch { fullNameFirstName: String employerId: UUID }
  input CreateContactInput { contact: ContactInput! }
  input UpdateContactInput { id: UUID! patch: ContactPatch! }
  type CreateContactPayload { contact: Contact }
  enum ContactOrderBy { FULL_NAME_FIRST_NAME_ASC EMPLOYER_ID_ASC EMPLOYER__LABEL_DESC NATURAL }
`);

const names = new FormerNames([
  { former: 'person', present: 'contact' },
  { former: 'people', present: 'contacts' },
  { former: 'task', present: 'todo' },
  { former: 'tasks', present: 'todos' },
  { former: 'name', present: 'fullName', object: 'contact' },
  { former: 'company', present: 'employer', object: 'contact' },
]);

function rewrite(text: string) {
  const { document, deprecated } = presentDocument(schema, parse(text), names);
  return {
    text: print(document).replace(/\s+/g, ' '),
    deprecated: deprecated.map(({ name, use }) => `${name} → ${use}`),
    errors: validate(schema, document, specifiedRules).map(({ message }) => message),
    document,
  };
}

test('what is read under a former name is answered under it', () => {
  const { text, errors, deprecated } = rewrite('{ people(first: 1) { nodes { id nameFirstName company { name } } } }');
  expect(errors).toEqual([]);
  expect(text).toBe(
    '{ people: contacts(first: 1) { nodes { id nameFirstName: fullNameFirstName company: employer { name } } } }',
  );
  expect(deprecated).toEqual(['people → contacts', 'nameFirstName → fullNameFirstName', 'company → employer']);
});

test('filters, orders, types of variables and fragments, and names in the midst of others are replaced', () => {
  const { text, errors } = rewrite(`
    query People($filter: PersonFilter!, $order: [PersonOrderBy!] = [NAME_FIRST_NAME_ASC]) {
      people(filter: { and: [$filter, { company: { name: { equalTo: "x" } }, companyExists: true }] }, orderBy: $order) { ...Parts }
      other: people(orderBy: [COMPANY_ID_ASC, COMPANY__LABEL_DESC, NATURAL]) { totalCount }
    }
    fragment Parts on PersonConnection { nodes { ... on Person { taskTargets { totalCount } targetPersonId } } }`);
  expect(errors).toEqual([]);
  expect(text).toContain('$filter: ContactFilter!, $order: [ContactOrderBy!] = [FULL_NAME_FIRST_NAME_ASC]');
  expect(text).toContain('{employer: {name: {equalTo: "x"}}, employerExists: true}');
  expect(text).toContain('other: contacts(orderBy: [EMPLOYER_ID_ASC, EMPLOYER__LABEL_DESC, NATURAL])');
  expect(text).toContain('fragment Parts on ContactConnection { nodes { ... on Contact { taskTargets: todoTargets');
  expect(text).toContain('targetPersonId: targetContactId');
});

test('mutations and their variables are replaced', () => {
  const { text, errors, document } = rewrite(
    'mutation ($person: PersonInput!) { createPerson(input: { person: $person }) { person { nameFirstName } } }',
  );
  expect(errors).toEqual([]);
  expect(text).toBe(
    'mutation ($person: ContactInput!) { createPerson: createContact(input: {contact: $person}) { person: contact { nameFirstName: fullNameFirstName } } }',
  );
  const variables = { person: { nameFirstName: 'Ada', companyId: 'c' } };
  expect(presentVariables(schema, { document, operationName: undefined, variables }, names)).toEqual({
    variables: { person: { fullNameFirstName: 'Ada', employerId: 'c' } },
    deprecated: [
      { name: 'nameFirstName', use: 'fullNameFirstName' },
      { name: 'companyId', use: 'employerId' },
    ],
  });
});

test('variables are replaced where the document knows present names only', () => {
  const document = parse(
    'query ($f: ContactFilter, $o: [ContactOrderBy!]) { contacts(filter: $f, orderBy: $o) { totalCount } }',
  );
  const { variables } = presentVariables(
    schema,
    {
      document,
      operationName: undefined,
      variables: { f: { and: [{ companyExists: true }] }, o: ['NAME_FIRST_NAME_ASC', 'NATURAL'] },
    },
    names,
  );
  expect(variables).toEqual({ f: { and: [{ employerExists: true }] }, o: ['FULL_NAME_FIRST_NAME_ASC', 'NATURAL'] });
});

test('names that exist, or that no former name makes exist, are left alone', () => {
  const present = '{ contacts { nodes { id } } taskLists { totalCount } contact(id: "x") { id } }';
  expect(rewrite(present)).toMatchObject({ deprecated: [], errors: [] });
  const { errors, deprecated } = rewrite('{ people { nodes { shoeSize nameless } } peoples { id } }');
  expect(deprecated).toEqual(['people → contacts']);
  expect(errors.join()).toMatch(/shoeSize.*nameless.*peoples/s);
  const variables = { person: { nameFirstName: 'Ada' } };
  const document = parse(
    'mutation ($person: ContactInput!) { createContact(input: { contact: $person }) { contact { id } } }',
  );
  expect(
    presentVariables(schema, { document, operationName: undefined, variables }, new FormerNames([])).variables,
  ).toBe(variables);
});
