import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FieldModel, Model } from '../model.ts';
import { mapHeaders } from './mapping.ts';

interface Manifest {
  objects: (Omit<Model['objects'][number], 'fields'> & {
    labelField: string | null;
    fields: (Omit<FieldModel, 'relations' | 'columns'> & { relations: { target: string }[] })[];
  })[];
}

const PARTS: Record<string, string[]> = {
  FULL_NAME: ['firstName', 'lastName'],
  EMAILS: ['primaryEmail', 'additionalEmails'],
  PHONES: ['primaryPhoneNumber', 'primaryPhoneCountryCode', 'primaryPhoneCallingCode', 'additionalPhones'],
  LINKS: ['primaryLinkLabel', 'primaryLinkUrl', 'secondaryLinks'],
  CURRENCY: ['amountMicros', 'currencyCode'],
  ADDRESS: ['street1', 'street2', 'city', 'postcode', 'state', 'country', 'lat', 'lng'],
  RICH_TEXT: ['markdown', 'document'],
};

/** The model that the standard objects make, without a database. */
function standardModel(): Model {
  const path = join(import.meta.dirname, '../../standard/manifest.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  const objects = manifest.objects.map((object) => ({
    ...object,
    id: object.nameSingular,
    tableName: object.namePlural.toLowerCase(),
    isActive: true,
    labelFieldId: object.labelField && `${object.nameSingular}.${object.labelField}`,
    fields: object.fields.map((field): FieldModel => ({
      ...field,
      id: `${object.nameSingular}.${field.name}`,
      isActive: true,
      isSystem: false,
      columns: (PARTS[field.type] ?? ['']).map((part) => ({
        part,
        column: `${field.name}_${part}`,
        name: `${field.name}${part}`,
      })),
      relations: field.relations.map(({ target }) => ({
        targetObjectId: target,
        name: field.relations.length > 1 ? `${field.name}${target}` : field.name,
        column: `${field.name}_${target}_id`,
      })),
    })),
  }));
  return { version: 1, objects };
}

const model = standardModel();

function map(
  objectName: string,
  headers: string[],
  overrides: Record<string, string> = {},
): Record<string, string | null> {
  const object = model.objects.find(({ nameSingular }) => nameSingular === objectName);
  if (!object) throw new Error(`No object ${objectName}`);
  const mapping = mapHeaders(model, object, headers, new Map(Object.entries(overrides)));
  return Object.fromEntries(mapping.map(({ header, target }) => [header, target?.path ?? null]));
}

test('the S&P 500', () => {
  expect(map('company', ['Symbol', 'Security', 'GICS Sector', 'Headquarters Location', 'Date added', 'Founded'])).toEqual({
    Symbol: null, Security: 'name', 'GICS Sector': null, 'Headquarters Location': 'address', 'Date added': null, Founded: null,
  }); // prettier-ignore
});

test('of two headers for one field the more exact one wins', () => {
  expect(map('company', ['Website', 'Domain'])).toEqual({ Website: null, Domain: 'domainName' });
});

test('people: parts before wholes', () => {
  expect(map('person', ['Full name', 'First name', 'Last name', 'Chamber', 'Title', 'Twitter', 'E-mail'])).toEqual({
    'Full name': null, 'First name': 'name.firstName', 'Last name': 'name.lastName', Chamber: 'company', Title: 'jobTitle', Twitter: 'xLink', 'E-mail': 'emails',
  }); // prettier-ignore
  expect(map('person', ['Full name', 'Phone Number'])).toEqual({ 'Full name': 'name', 'Phone Number': 'phones' });
});

test('headers that name the object or a field of a relation', () => {
  expect(map('company', ['Company', 'Company domain'])).toEqual({ Company: 'name', 'Company domain': 'domainName' });
  expect(map('person', ['Person name', 'Company domain name'])).toEqual({
    'Person name': 'name',
    'Company domain name': 'company.domainName',
  });
});

test('the headers of an export lead back to where they came from', () => {
  const headers = [
    'id',
    'name.firstName',
    'name.lastName',
    'emails.primaryEmail',
    'emails.additionalEmails',
    'company',
    'company.id',
    'createdAt',
  ];
  expect(map('person', headers)).toEqual({
    id: null, 'name.firstName': 'name.firstName', 'name.lastName': 'name.lastName', 'emails.primaryEmail': 'emails.primaryEmail',
    'emails.additionalEmails': 'emails.additionalEmails', company: 'company', 'company.id': null, createdAt: null,
  }); // prettier-ignore
});

test('what is given goes before what is guessed', () => {
  expect(map('company', ['Name', 'Town', 'Site'], { Town: 'address.city', Name: '', site: 'domainName' })).toEqual({
    Name: null, Town: 'address.city', Site: 'domainName',
  }); // prettier-ignore
});

test('mistyped names are refused with the nearest one', () => {
  expect(() => map('company', ['Name'], { Nmae: 'name' })).toThrow(
    expect.objectContaining({ code: 'HEADER_UNKNOWN', hint: 'Did you mean "Name"?' }),
  );
  expect(() => map('company', ['Name'], { Name: 'domainNmae' })).toThrow(
    expect.objectContaining({ code: 'FIELD_UNKNOWN', hint: 'Did you mean "domainName"?' }),
  );
  expect(() => map('company', ['A', 'B'], { A: 'name', B: 'name' })).toThrow(
    expect.objectContaining({ code: 'MAPPING_TWICE' }),
  );
});
