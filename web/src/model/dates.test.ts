import { PLAIN_FORMATS, setFormats } from './formats.ts';
import { daysAway, isNow, monthOf } from './dayWords.ts';
import {
  addDays,
  formatDay,
  formatInstant,
  formatPattern,
  formatRelativeDay,
  joinInstant,
  localDay,
  parseDay,
  parseInstant,
  splitInstant,
} from './dates.ts';

const now = new Date(2026, 10, 22, 23, 30);

describe('days', () => {
  test.each([
    ['2026-11-22', '2026-11-22'],
    ['2026/1/5', '2026-01-05'],
    ['5.1.2027', '2027-01-05'],
    ['5.1.', '2026-01-05'],
    ['11/22/2026', '2026-11-22'],
    ['22/11/2026', '2026-11-22'],
    ['22 Nov 2026', '2026-11-22'],
    ['Nov 22, 2027', '2027-11-22'],
    ['3 march', '2026-03-03'],
    ['today', '2026-11-22'],
    ['Tomorrow', '2026-11-23'],
    ['3rd march', '2026-03-03'],
    ['Sept 3', '2026-09-03'],
    // It is a Sunday.
    ['Friday', '2026-11-27'],
    ['on sunday', '2026-11-29'],
    ['next friday', '2026-11-27'],
    ['in 3 days', '2026-11-25'],
    ['2 weeks ago', '2026-11-08'],
    ['+10', '2026-12-02'],
    ['-1d', '2026-11-21'],
  ])('reads %s', (text, day) => expect(parseDay(text, now)).toBe(day));

  test('are read in the language of the screen, with and without its accents', () => {
    const sunday = 0;
    const away = (text: string, tag: string) => daysAway(text, sunday, tag);
    expect(
      ['heute', 'morgen', 'Übermorgen', 'gestern', 'Freitag', 'in 3 Tagen', 'vor 2 Wochen'].map((text) =>
        away(text, 'de'),
      ),
    ).toEqual([0, 1, 2, -1, 5, 3, -14]);
    expect(
      ["aujourd'hui", 'demain', 'apres-demain', 'hier', 'vendredi', 'dans 3 jours'].map((text) => away(text, 'fr')),
    ).toEqual([0, 1, 2, -1, 5, 3]);
    expect(
      ['hoy', 'manana', 'pasado mañana', 'ayer', 'viernes', 'dentro de 3 días'].map((text) => away(text, 'es')),
    ).toEqual([0, 1, 2, -1, 5, 3]);
    // English is understood by everybody, another language by those who read it.
    expect([away('tomorrow', 'fr'), away('demain', 'en'), away('soon', 'de')]).toEqual([1, null, null]);
    expect([monthOf('Mär', 'de'), monthOf('mai', 'fr'), monthOf('dic', 'es'), monthOf('december', 'es')]).toEqual([
      3, 5, 12, 12,
    ]);
    // Of July and June.
    expect(monthOf('jui', 'fr')).toBeNull();
    expect([isNow('jetzt', 'de'), isNow('now', 'de'), isNow('jetzt', 'en')]).toEqual([true, true, false]);
  });

  test('next friday is that of the week to come, friday the next that comes', () => {
    const wednesday = 3;
    expect([daysAway('friday', wednesday), daysAway('next friday', wednesday)]).toEqual([2, 9]);
    expect([daysAway('wednesday', wednesday), daysAway('next monday', wednesday)]).toEqual([7, 5]);
  });

  test.each(['', 'soon', '2026-13-01', '2026-02-30', '31.4.2026', 'Nov'])('refuses “%s”', (text) =>
    expect(parseDay(text, now)).toBeNull(),
  );

  test('a leap day exists in leap years alone', () => {
    expect(parseDay('2028-02-29')).toBe('2028-02-29');
    expect(parseDay('2100-02-29')).toBeNull();
  });

  test('never move by the time zone', () => {
    for (const zone of ['Pacific/Kiritimati', 'America/Los_Angeles', 'Europe/Berlin']) {
      process.env['TZ'] = zone;
      expect(parseDay('2026-03-29')).toBe('2026-03-29');
      expect(formatDay('2026-03-29')).toBe('29 Mar 2026');
      expect(addDays('2026-03-28', 1)).toBe('2026-03-29');
      expect(addDays('2026-10-24', 2)).toBe('2026-10-26');
    }
    process.env['TZ'] = 'UTC';
  });
});

describe('instants', () => {
  test('are read in the reader’s zone and come back as typed', () => {
    const instant = parseInstant('2026-11-22 14:30');
    expect(instant && splitInstant(instant)).toEqual({ day: '2026-11-22', time: '14:30' });
  });
  test('understand the twelve-hour clock', () => {
    expect(splitInstant(joinInstant('2026-11-22', '12:05 am') ?? '').time).toBe('00:05');
    expect(splitInstant(joinInstant('2026-11-22', '9pm') ?? '').time).toBe('21:00');
  });
  test.each([
    ['tomorrow 9:30', '09:30'],
    ['tomorrow at 9pm', '21:00'],
    ['22.11.2026 14h30', '14:30'],
    ['tomorrow um 9 Uhr', '09:00'],
  ])('reads the time of “%s”', (text, time) => expect(splitInstant(parseInstant(text, now) ?? '').time).toBe(time));

  test('of a day alone are its start', () =>
    expect(splitInstant(parseInstant('tomorrow', now) ?? '')).toEqual({ day: '2026-11-23', time: '00:00' }));
  test('are read in the language of the screen, with and without its accents', () => {
    const sunday = 0;
    const away = (text: string, tag: string) => daysAway(text, sunday, tag);
    expect(
      ['heute', 'morgen', 'Übermorgen', 'gestern', 'Freitag', 'in 3 Tagen', 'vor 2 Wochen'].map((text) =>
        away(text, 'de'),
      ),
    ).toEqual([0, 1, 2, -1, 5, 3, -14]);
    expect(
      ["aujourd'hui", 'demain', 'apres-demain', 'hier', 'vendredi', 'dans 3 jours'].map((text) => away(text, 'fr')),
    ).toEqual([0, 1, 2, -1, 5, 3]);
    expect(
      ['hoy', 'manana', 'pasado mañana', 'ayer', 'viernes', 'dentro de 3 días'].map((text) => away(text, 'es')),
    ).toEqual([0, 1, 2, -1, 5, 3]);
    // English is understood by everybody, another language by those who read it.
    expect([away('tomorrow', 'fr'), away('demain', 'en'), away('soon', 'de')]).toEqual([1, null, null]);
    expect([monthOf('Mär', 'de'), monthOf('mai', 'fr'), monthOf('dic', 'es'), monthOf('december', 'es')]).toEqual([
      3, 5, 12, 12,
    ]);
    // Of July and June.
    expect(monthOf('jui', 'fr')).toBeNull();
    expect([isNow('jetzt', 'de'), isNow('now', 'de'), isNow('jetzt', 'en')]).toEqual([true, true, false]);
  });

  test('next friday is that of the week to come, friday the next that comes', () => {
    const wednesday = 3;
    expect([daysAway('friday', wednesday), daysAway('next friday', wednesday)]).toEqual([2, 9]);
    expect([daysAway('wednesday', wednesday), daysAway('next monday', wednesday)]).toEqual([7, 5]);
  });

  test.each(['', 'soon', '2026-11-22 25:00', '14:30'])('refuse “%s”', (text) =>
    expect(parseInstant(text, now)).toBeNull(),
  );
});

describe('formats', () => {
  test.each([
    ['dd.MM.yyyy', '05.03.2027'],
    ['d MMM yy', '5 Mar 27'],
    ['EEEE, MMMM d', 'Friday, March 5'],
    ["M/d 'at' HH:mm", '3/5 at 00:00'],
  ])('a day by %s', (pattern, text) => expect(formatPattern('2027-03-05', pattern)).toBe(text));

  test('an instant, in the reader’s zone', () => {
    const instant = joinInstant('2027-03-05', '15:07') ?? '';
    expect(formatPattern(instant, 'HH:mm')).toBe('15:07');
    expect(formatPattern(instant, 'h:mm a')).toBe('3:07 pm');
  });

  test.each([
    ['2026-11-22', 'today'],
    ['2026-11-21', 'yesterday'],
    ['2026-11-25', 'in 3 days'],
    ['2026-09-01', '3 months ago'],
  ])('%s as people speak of it', (day, text) => expect(formatRelativeDay(day, now)).toBe(text));
});

describe('the zone of the profile, whatever that of the device is', () => {
  const zones = ['Pacific/Kiritimati', 'America/Los_Angeles', 'Europe/Berlin', 'Asia/Kathmandu'];
  const read = (timeZone: string) => setFormats({ ...PLAIN_FORMATS, timeZone });
  afterEach(() => {
    setFormats(PLAIN_FORMATS);
    process.env['TZ'] = 'UTC';
  });

  test.each(['UTC', ...zones])('on a device in %s', (device) => {
    process.env['TZ'] = device;
    for (const zone of zones) {
      read(zone);
      expect(formatDay('2026-03-29')).toBe('29 Mar 2026');
      expect(parseDay('29.3.2026')).toBe('2026-03-29');
      for (const text of ['2026-03-29 00:00', '2026-11-22 14:30', '2026-07-01 23:59', '1960-01-01 09:00']) {
        const instant = parseInstant(text) ?? '';
        expect(`${zone} ${splitInstant(instant).day} ${splitInstant(instant).time}`).toBe(`${zone} ${text}`);
      }
    }
    const instant = '2026-11-22T23:30:00.000Z';
    const shown = zones.map((zone) => {
      read(zone);
      return formatInstant(instant);
    });
    expect(shown).toEqual(['23 Nov 2026, 13:30', '22 Nov 2026, 15:30', '23 Nov 2026, 00:30', '23 Nov 2026, 05:15']);
    read('Pacific/Kiritimati');
    expect(localDay(new Date(instant))).toBe('2026-11-23');
    expect(parseDay('today', new Date(instant))).toBe('2026-11-23');
  });

  test('an hour that the clocks skip is later, of one that comes twice the first is meant', () => {
    read('Europe/Berlin');
    expect(joinInstant('2026-03-29', '02:30')).toBe('2026-03-29T01:30:00.000Z');
    expect(joinInstant('2026-10-25', '02:30')).toBe('2026-10-25T00:30:00.000Z');
    read('America/Los_Angeles');
    expect(joinInstant('2026-11-01', '01:30')).toBe('2026-11-01T08:30:00.000Z');
  });

  test('one that there is not is that of the device', () => {
    read('Mars/Olympus');
    expect(formatInstant('2026-11-22T23:30:00.000Z')).toBe('22 Nov 2026, 23:30');
  });
});
