import type { ObjectModel } from '../model.ts';

/** What exports of other CRMs call our standard fields. Names are compared in lower case, without spaces and signs. */
interface Preset {
  id: 'HUBSPOT' | 'SALESFORCE' | 'PIPEDRIVE' | 'TWENTY';
  label: string;
  /** Headers that no other CRM writes, by which an export is known. */
  signs: Record<string, readonly string[]>;
  /** By object, where each header goes; an empty path leaves it out. */
  columns: Record<string, Record<string, string>>;
}

export const PRESETS: readonly Preset[] = [
  {
    id: 'HUBSPOT',
    label: 'HubSpot',
    signs: {
      person: ['Contact owner', 'Lead Status', 'Lifecycle Stage', 'Associated Company', 'Marketing contact status', 'Contact ID'],
      company: ['Company owner', 'Company name', 'Lifecycle Stage', 'Number of Associated Contacts', 'Associated Contact'],
      opportunity: ['Deal Name', 'Deal Stage', 'Deal owner', 'Pipeline', 'Associated Company', 'Close Date'],
      task: ['Task Title', 'Task Status', 'Task Type'],
    },
    columns: {
      person: {
        'First Name': 'name.firstName', 'Last Name': 'name.lastName', Email: 'emails', 'Additional email addresses': 'emails.additionalEmails',
        'Phone Number': 'phones', 'Mobile Phone Number': 'phones.additionalPhones', 'Job Title': 'jobTitle', 'Company Name': 'company',
        'Associated Company': 'company', 'Primary Associated Company': 'company', City: 'city', 'LinkedIn URL': 'linkedinLink', 'Twitter Username': 'xLink',
        'Record ID': '', 'Contact ID': '', 'Create Date': '', 'Lead Status': '', 'Contact owner': '', 'Lifecycle Stage': '',
      },
      company: {
        'Company name': 'name', Name: 'name', 'Company Domain Name': 'domainName', 'Website URL': 'domainName', 'Number of Employees': 'employees',
        'Annual Revenue': 'annualRevenue', 'Street Address': 'address.street1', 'Street Address 2': 'address.street2', City: 'address.city',
        'State/Region': 'address.state', 'Postal Code': 'address.postcode', 'Country/Region': 'address.country',
        'LinkedIn Company Page': 'linkedinLink', 'Twitter Handle': 'xLink', 'Company owner': 'accountOwner', 'Record ID': '', 'Create Date': '',
      },
      opportunity: {
        'Deal Name': 'name', Amount: 'amount', 'Close Date': 'closeDate', 'Deal Stage': 'stage', 'Associated Company': 'company',
        'Associated Contact': 'pointOfContact', 'Deal owner': 'owner', 'Record ID': '', 'Create Date': '',
      },
      task: { 'Task Title': 'title', 'Due Date': 'dueAt', 'Task Status': 'status', 'Assigned to': 'assignee', Notes: 'bodyV2' },
    },
  },
  {
    id: 'SALESFORCE',
    label: 'Salesforce',
    signs: {
      person: ['Contact ID', 'Account Name', 'Mailing Street', 'Mailing City', 'Lead Source', 'Mailing State/Province', 'AccountId', 'MailingCity', 'Reports To'],
      company: ['Account Name', 'Account ID', 'Billing Street', 'Billing City', 'BillingCity', 'Billing State/Province', 'Account Owner', 'NumberOfEmployees'],
      opportunity: ['Opportunity Name', 'Opportunity ID', 'Opportunity Owner', 'StageName', 'Probability (%)', 'Fiscal Period', 'ForecastCategory'],
      task: ['Activity Date', 'ActivityDate', 'Assigned', 'WhoId', 'WhatId'],
    },
    columns: {
      person: {
        'First Name': 'name.firstName', FirstName: 'name.firstName', 'Last Name': 'name.lastName', LastName: 'name.lastName', Email: 'emails', Phone: 'phones',
        Mobile: 'phones.additionalPhones', MobilePhone: 'phones.additionalPhones', Title: 'jobTitle', 'Account Name': 'company', 'Account.Name': 'company',
        'Mailing City': 'city', MailingCity: 'city', PhotoUrl: 'avatarUrl', 'Contact ID': '', AccountId: '', Salutation: '', 'Lead Source': '',
      },
      company: {
        'Account Name': 'name', Name: 'name', Website: 'domainName', Employees: 'employees', NumberOfEmployees: 'employees', 'Annual Revenue': 'annualRevenue',
        AnnualRevenue: 'annualRevenue', 'Billing Street': 'address.street1', BillingStreet: 'address.street1', 'Billing City': 'address.city',
        BillingCity: 'address.city', 'Billing State/Province': 'address.state', BillingState: 'address.state', 'Billing Zip/Postal Code': 'address.postcode',
        BillingPostalCode: 'address.postcode', 'Billing Country': 'address.country', BillingCountry: 'address.country', 'Account Owner': 'accountOwner',
        'Account ID': '', Type: '',
      },
      opportunity: {
        'Opportunity Name': 'name', Name: 'name', Amount: 'amount', 'Close Date': 'closeDate', CloseDate: 'closeDate', Stage: 'stage', StageName: 'stage',
        'Account Name': 'company', 'Account.Name': 'company', 'Contact Name': 'pointOfContact', 'Opportunity Owner': 'owner', 'Owner.Name': 'owner',
        'Opportunity ID': '', AccountId: '',
      },
      task: {
        Subject: 'title', 'Due Date': 'dueAt', 'Activity Date': 'dueAt', ActivityDate: 'dueAt', Status: 'status', Assigned: 'assignee', Comments: 'bodyV2',
        'Full Comments': 'bodyV2', Description: 'bodyV2',
      },
      note: { Title: 'title', Body: 'bodyV2' },
    },
  },
  {
    id: 'PIPEDRIVE',
    label: 'Pipedrive',
    signs: {
      person: ['Person - Name', 'Person - ID', 'Person - Organization', 'Person - Email - Work', 'Person - Phone - Work', 'Person - Open deals'],
      company: ['Organization - Name', 'Organization - ID', 'Organization - Address', 'Organization - People', 'Organization - Owner'],
      opportunity: ['Deal - Title', 'Deal - ID', 'Deal - Value', 'Deal - Stage', 'Deal - Organization', 'Deal - Expected close date'],
      task: ['Activity - Subject', 'Activity - Due date', 'Activity - Type'],
      note: ['Note - Content', 'Note - Add time'],
    },
    columns: {
      person: {
        'Person - Name': 'name', 'Person - First name': 'name.firstName', 'Person - Last name': 'name.lastName', 'Person - Email': 'emails',
        'Person - Email - Work': 'emails', 'Person - Email - Home': 'emails.additionalEmails', 'Person - Email - Other': 'emails.additionalEmails',
        'Person - Phone': 'phones', 'Person - Phone - Work': 'phones', 'Person - Phone - Mobile': 'phones.additionalPhones',
        'Person - Organization': 'company', 'Person - Job title': 'jobTitle', 'Person - ID': '',
      },
      company: {
        'Organization - Name': 'name', 'Organization - Website': 'domainName', 'Organization - Address': 'address',
        'Organization - Street/road name of Address': 'address.street1', 'Organization - City/town/village/locality of Address': 'address.city',
        'Organization - State/county of Address': 'address.state', 'Organization - ZIP/Postal code of Address': 'address.postcode',
        'Organization - Country of Address': 'address.country', 'Organization - Number of employees': 'employees', 'Organization - Employee count': 'employees',
        'Organization - Annual revenue': 'annualRevenue', 'Organization - LinkedIn profile': 'linkedinLink', 'Organization - Owner': 'accountOwner', 'Organization - ID': '',
      },
      opportunity: {
        'Deal - Title': 'name', 'Deal - Value': 'amount.amountMicros', 'Deal - Currency of Value': 'amount.currencyCode', 'Deal - Stage': 'stage',
        'Deal - Organization': 'company', 'Deal - Contact person': 'pointOfContact', 'Deal - Expected close date': 'closeDate', 'Deal - Owner': 'owner', 'Deal - ID': '',
      },
      task: {
        'Activity - Subject': 'title', 'Activity - Due date': 'dueAt', 'Activity - Note': 'bodyV2', 'Activity - Assigned to user': 'assignee', 'Activity - Done': '',
      },
      note: { 'Note - Content': 'bodyV2' },
    },
  },
  {
    id: 'TWENTY',
    label: 'Twenty',
    signs: {
      '*': ['Emails / Primary Email', 'Domain Name / Primary Link URL', 'Name / First Name', 'ARR / Amount', 'Created by / Source', 'Deleted at', 'Search vector', 'Last update'],
    },
    columns: {
      '*': {
        'Deleted at': '', 'Creation date': '', 'Last update': '', 'Search vector': '', 'Created by / Source': '', 'Created by / Name': '', 'Created by / Workspace Member ID': '',
        'Updated by / Source': '', 'Updated by / Name': '', Position: '',
      },
      person: {
        'Name / First Name': 'name.firstName', 'Name / Last Name': 'name.lastName', 'Emails / Primary Email': 'emails', 'Emails / Additional Emails': 'emails.additionalEmails',
        'Phones / Primary Phone Number': 'phones', 'Phones / Additional Phones': 'phones.additionalPhones', 'Job Title': 'jobTitle', City: 'city',
        'Linkedin / Link URL': 'linkedinLink', 'X / Link URL': 'xLink', Avatar: 'avatarUrl', 'Company / Id': 'company.id', 'Company / Name': 'company', 'Company / Domain Name': 'company.domainName',
      },
      company: {
        'Domain Name / Link URL': 'domainName', 'Domain Name / Primary Link URL': 'domainName', 'Address / Address 1': 'address.street1', 'Address / Address 2': 'address.street2',
        'Address / City': 'address.city', 'Address / State': 'address.state', 'Address / Post Code': 'address.postcode', 'Address / Country': 'address.country',
        Employees: 'employees', 'ARR / Amount': 'annualRevenue', 'ARR / Currency': 'annualRevenue.currencyCode', ICP: 'idealCustomerProfile', 'Linkedin / Link URL': 'linkedinLink', 'X / Link URL': 'xLink',
      },
      opportunity: {
        'Amount / Amount': 'amount', 'Amount / Currency': 'amount.currencyCode', 'Close date': 'closeDate', Stage: 'stage', 'Company / Id': 'company.id', 'Company / Name': 'company',
        'Point of Contact / Id': 'pointOfContact.id', 'Owner / Id': 'owner.id',
      },
    },
  },
]; // prettier-ignore

const fold = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

/** The CRM that wrote a file with these headers, if it is one of those: two of them must be its own, or the only one there is. */
export function detectPreset(object: ObjectModel, headers: readonly string[]): Preset['id'] | null {
  const present = new Set(headers.map(fold));
  let best: Preset['id'] | null = null;
  let most = Math.min(2, headers.length) - 1;
  for (const { id, signs, columns } of PRESETS) {
    const own = [...(signs[object.nameSingular] ?? []), ...(signs['*'] ?? [])].filter((sign) =>
      present.has(fold(sign)),
    );
    const known = Object.keys({ ...columns['*'], ...columns[object.nameSingular] }).filter((header) =>
      present.has(fold(header)),
    );
    if (own.length > most && known.length > 0) [best, most] = [id, own.length];
  }
  return best;
}

/** Where a preset sends the headers that it knows. */
export function presetColumns(id: string, object: ObjectModel, headers: readonly string[]): Map<string, string> {
  const preset = PRESETS.find((each) => each.id === id);
  const known = new Map(
    Object.entries({ ...preset?.columns['*'], ...preset?.columns[object.nameSingular] }).map(([header, path]) => [
      fold(header),
      path,
    ]),
  );
  return new Map(headers.flatMap((header) => (known.has(fold(header)) ? [[header, known.get(fold(header))!]] : [])));
}
