import { Random } from './random.ts';
import {
  DEALS, JOB_TITLES, NOTE_BODIES, NOTE_TITLES, REGIONS, STEMS, TASK_BODIES, TASKS, TRADES, type Region,
} from './vocabulary.ts'; // prettier-ignore

export const COUNTS = { companies: 600, people: 2500, opportunities: 400, tasks: 800, notes: 500 };

/** A row by column name; `owner` says which member makes it, and is no column. */
export type Row = Record<string, unknown> & { id: string };

export interface DemoData {
  companies: Row[];
  people: Row[];
  opportunities: OwnedRow[];
  tasks: OwnedRow[];
  taskTargets: OwnedRow[];
  notes: OwnedRow[];
  noteTargets: OwnedRow[];
}

export interface OwnedRow {
  owner: number;
  row: Row;
}

interface Company {
  row: Row;
  name: string;
  domain: string;
  region: Region;
  city: string;
}

interface Person {
  row: Row;
  first: string;
  company: Company;
}

const DAY = 86_400_000;

type Counts = typeof COUNTS;

/** Everything in the demo workspace, or as much as is asked for. Depends on the day (for due dates and the like) and nothing else. */
export function generateDemo(memberIds: readonly string[], today: Date, counts = COUNTS, seed = 20_260_101): DemoData {
  const random = new Random(seed);
  const companies = makeCompanies(random, memberIds, counts);
  const people = makePeople(random, companies, counts);
  const at = (days: number, hour = random.integer(8, 17)) =>
    new Date(Math.floor(today.getTime() / DAY) * DAY + days * DAY + hour * 3_600_000).toISOString();
  const opportunities = makeOpportunities({ random, people, memberIds, counts }, at);
  const subjects = { random, people, opportunities, memberIds, counts };
  const { records: tasks, targets: taskTargets } = makeTasks(subjects, at);
  const { records: notes, targets: noteTargets } = makeNotes(subjects);
  return {
    companies: companies.map(({ row }) => row),
    people: people.map(({ row }) => row),
    opportunities: opportunities.map(({ owner, row }) => ({ owner, row })),
    tasks,
    taskTargets,
    notes,
    noteTargets,
  };
}

function makeCompanies(random: Random, memberIds: readonly string[], counts: Counts): Company[] {
  const names = random.shuffle(STEMS.flatMap((stem) => TRADES.map((trade) => `${stem} ${trade}`)));
  const regions = REGIONS.flatMap((region) => Array.from({ length: region.weight }, () => region));
  return names.slice(0, counts.companies).map((plain) => {
    const region = random.pick(regions);
    const [city, state, postcode] = random.pick(region.cities);
    const name = random.chance(0.3) ? `${plain} ${random.pick(region.forms)}` : plain;
    const domain = `${plain.toLowerCase().replace(' ', random.chance(0.5) ? '-' : '')}.example`;
    const employees = Math.round(random.magnitude(4, 9000));
    const row: Row = {
      id: random.uuid(),
      name,
      domain_name_primary_link_url: `https://${domain}`,
      address_street1: `${random.integer(1, 220)} ${random.pick(region.streets)}`,
      address_city: city,
      address_state: state,
      address_postcode: postcode,
      address_country: region.country,
      employees,
      annual_revenue_amount_micros: random.chance(0.85)
        ? Math.round((employees * random.magnitude(60_000, 320_000)) / 10_000) * 10_000 * 1_000_000
        : null,
      annual_revenue_currency_code: region.currency,
      ideal_customer_profile: employees > 50 && employees < 2500 && random.chance(0.6),
      account_owner_id: random.chance(0.8) ? random.pick(memberIds) : null,
    };
    return { row, name: plain, domain, region, city };
  });
}

function makePeople(random: Random, companies: readonly Company[], counts: Counts): Person[] {
  const taken = new Set<string>();
  return Array.from({ length: counts.people }, (_, index) => {
    // Everyone has a company, every company has someone, and some have many.
    const company =
      companies[index] ?? companies[Math.floor(random.next() ** 1.6 * companies.length)] ?? random.pick(companies);
    // Some people work far from where their name is common.
    const origin = random.chance(0.85) ? company.region : random.pick(REGIONS);
    const first = random.pick(origin.firstNames);
    const last = random.pick(origin.lastNames);
    const digits = String(random.integer(0, 9999)).padStart(4, '0');
    const row: Row = {
      id: random.uuid(),
      name_first_name: first,
      name_last_name: last,
      emails_primary_email: uniqueEmail(`${ascii(first)}.${ascii(last)}`, company.domain, taken),
      phones_primary_phone_number: random.chance(0.8) ? company.region.phone(digits) : null,
      job_title: random.pick(JOB_TITLES),
      city: random.chance(0.8) ? company.city : random.pick(company.region.cities)[0],
      company_id: company.row.id,
    };
    const hasPhone = row['phones_primary_phone_number'] !== null;
    row['phones_primary_phone_calling_code'] = hasPhone ? company.region.callingCode : null;
    row['phones_primary_phone_country_code'] = hasPhone ? company.region.countryCode : null;
    return { row, first, company };
  });
}

function uniqueEmail(name: string, domain: string, taken: Set<string>): string {
  for (let number = 1; ; number++) {
    const email = `${name}${number === 1 ? '' : number}@${domain}`;
    if (taken.has(email)) continue;
    taken.add(email);
    return email;
  }
}

function ascii(text: string): string {
  const letters: Record<string, string> = { ß: 'ss', ø: 'o', ı: 'i', ł: 'l' };
  return text
    .toLowerCase()
    .replace(/[ßøıł]/g, (letter) => letters[letter] ?? letter)
    .normalize('NFD')
    .replace(/[^a-z-]/g, '');
}

interface Deal extends OwnedRow {
  person: Person;
}

const STAGES = [
  { stage: 'NEW', weight: 30, days: [20, 120] },
  { stage: 'SCREENING', weight: 22, days: [15, 90] },
  { stage: 'MEETING', weight: 18, days: [5, 60] },
  { stage: 'PROPOSAL', weight: 14, days: [-5, 45] },
  { stage: 'CUSTOMER', weight: 16, days: [-300, -2] },
] as const;

const PROBABILITY: { [stage: string]: number } = {
  NEW: 0.1,
  SCREENING: 0.2,
  MEETING: 0.4,
  PROPOSAL: 0.7,
  CUSTOMER: 1,
};

function makeOpportunities(
  { random, people, memberIds, counts }: Omit<Subjects, 'opportunities'>,
  at: (days: number) => string,
): Deal[] {
  const stages = STAGES.flatMap((stage) => Array.from({ length: stage.weight }, () => stage));
  return random
    .shuffle(people)
    .slice(0, counts.opportunities)
    .map((person) => {
      const { stage, days } = random.pick(stages);
      const owner = random.integer(0, memberIds.length - 1);
      const amount = random.magnitude(2_000, 400_000);
      const step = amount > 50_000 ? 5_000 : 500;
      const { company } = person;
      const row: Row = {
        id: random.uuid(),
        name: `${company.name}, ${random.pick(DEALS)}`,
        // A yen or a rupee is worth about a hundredth: the number of a deal is larger there.
        amount_amount_micros:
          Math.ceil(amount / step) * step * 1_000_000 * (['JPY', 'INR'].includes(company.region.currency) ? 100 : 1),
        amount_currency_code: company.region.currency,
        close_date: at(random.integer(days[0], days[1])),
        stage,
        probability: PROBABILITY[stage],
        point_of_contact_id: person.row.id,
        company_id: company.row.id,
        owner_id: memberIds[owner],
      };
      return { owner, row, person };
    });
}

interface Subjects {
  random: Random;
  people: readonly Person[];
  opportunities: readonly Deal[];
  memberIds: readonly string[];
  counts: Counts;
}

/** Who a task or note is about, and the rows that tie it to them. */
function chooseSubject({ random, people, opportunities }: Subjects, owner: number, reference: Record<string, string>) {
  const deal = random.chance(0.4) ? random.pick(opportunities) : null;
  const person = deal?.person ?? random.pick(people);
  const target = (column: string, id: string): OwnedRow => ({
    owner,
    row: { id: random.uuid(), ...reference, [column]: id },
  });
  const targets = [target('target_person_id', person.row.id)];
  if (deal) targets.push(target('target_opportunity_id', deal.row.id));
  else if (random.chance(0.6)) targets.push(target('target_company_id', person.company.row.id));
  return { person, targets };
}

function makeTasks(subjects: Subjects, at: (days: number) => string): { records: OwnedRow[]; targets: OwnedRow[] } {
  const { random, memberIds, counts } = subjects;
  const targets: OwnedRow[] = [];
  const records = Array.from({ length: counts.tasks }, () => {
    const owner = random.integer(0, memberIds.length - 1);
    const id = random.uuid();
    const subject = chooseSubject(subjects, owner, { task_id: id });
    targets.push(...subject.targets);
    const days = random.integer(-60, 45);
    const isPast = days < 0;
    const status = isPast && random.chance(0.9) ? 'DONE' : random.chance(0.25) ? 'IN_PROGRESS' : 'TODO';
    return {
      owner,
      row: {
        id,
        title: fill(random.pick(TASKS), subject.person, random),
        body_v2_markdown: random.pick(TASK_BODIES) || null,
        due_at: at(days),
        status,
        assignee_id: random.chance(0.9)
          ? memberIds[random.chance(0.7) ? owner : random.integer(0, memberIds.length - 1)]
          : null,
      },
    };
  });
  return { records, targets };
}

function makeNotes(subjects: Subjects): { records: OwnedRow[]; targets: OwnedRow[] } {
  const { random, memberIds, counts } = subjects;
  const targets: OwnedRow[] = [];
  const records = Array.from({ length: counts.notes }, () => {
    const owner = random.integer(0, memberIds.length - 1);
    const id = random.uuid();
    const subject = chooseSubject(subjects, owner, { note_id: id });
    targets.push(...subject.targets);
    const row: Row = {
      id,
      title: fill(random.pick(NOTE_TITLES), subject.person, random),
      body_v2_markdown: fill(random.pick(NOTE_BODIES), subject.person, random),
    };
    return { owner, row };
  });
  return { records, targets };
}

function fill(template: string, { first, company }: Person, random: Random): string {
  return template
    .replaceAll('{first}', first)
    .replaceAll('{company}', company.name)
    .replaceAll('{city}', company.city)
    .replaceAll('{n}', String(random.integer(3, 24)));
}
