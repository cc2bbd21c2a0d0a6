import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { field, model as fixture, person } from '../../tests/modelFixture.ts';
import {
  addTab,
  addWidget,
  moveField,
  moveTab,
  moveWidget,
  placeOf,
  removeField,
  removeTab,
  removeWidget,
  tabList,
  takeNewIn,
} from './arrange.ts';
import { framedAddress } from './framedAddress.ts';
import { layoutOf, shownLayout, usualLayout, widgetsOf, type Layout } from './layout.ts';
import { visibleFields } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';

const TYPES = ['TEXT', 'NUMBER', 'SELECT', 'RICH_TEXT', 'DATE', 'EMAILS'] as const;
const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{3,6}$/), { minLength: 1, maxLength: 12 });

/** The fixture's people with other fields, of which a role may read some. */
const objects = fc
  .record({ names, types: fc.array(fc.constantFrom(...TYPES), { minLength: 12, maxLength: 12 }) })
  .map(({ names: all, types }): ModelObject => ({
    ...person,
    labelFieldId: null,
    fields: all.map((name, index) => field(name, types[index] ?? 'TEXT', { position: index })),
  }));
const withObject = (object: ModelObject): Model => ({
  ...fixture,
  objects: fixture.objects.map((each) => (each.id === object.id ? object : each)),
});

const fieldsIn = (layout: Layout): string[] =>
  widgetsOf(layout).flatMap((widget) =>
    widget.kind === 'FIELDS' ? widget.fieldIds : widget.kind === 'FIELD' ? [widget.fieldId] : [],
  );

type Step = (layout: Layout, at: number) => Layout;
const pick = <Item>(items: Item[], at: number): Item | undefined => items[at % Math.max(1, items.length)];
const someList = (layout: Layout, at: number): string => pick(['side', ...layout.tabs.map(tabList)], at) ?? 'side';
/** What somebody who arranges may do, in any order. */
const STEPS: Step[] = [
  (layout, at) =>
    moveWidget(layout, pick(widgetsOf(layout), at)?.id ?? '', { list: someList(layout, at), index: at % 3 }),
  (layout, at) => removeWidget(layout, pick(widgetsOf(layout), at)?.id ?? ''),
  (layout, at) => {
    const group = pick(
      widgetsOf(layout).filter(({ kind }) => kind === 'FIELDS'),
      at,
    );
    const id = pick(fieldsIn(layout), at);
    return id && group ? moveField(layout, id, { list: `fields:${group.id}`, index: at % 4 }) : layout;
  },
  (layout, at) => removeField(layout, pick(fieldsIn(layout), at) ?? ''),
  (layout, at) => addWidget(layout, someList(layout, at), { id: 'group', kind: 'FIELDS', fieldIds: [] }).layout,
  (layout) => addTab(layout, 'More').layout,
  (layout, at) => removeTab(layout, pick(layout.tabs, at)?.id ?? ''),
  (layout, at) => moveTab(layout, pick(layout.tabs, at)?.id ?? '', at % 2 === 0 ? 1 : -1),
  (layout, at) => takeNewIn(layout, pick(widgetsOf(layout), at)?.id ?? '', true),
];
const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(30)), { maxLength: 12 });
const arranged = (layout: Layout, done: [Step, number][]): Layout =>
  done.reduce((now, [step, at]) => step(now, at), layout);

describe('every field that the role reads', () => {
  test('is on the page exactly once, however it was arranged, what is new and what is conditional included', () => {
    fc.assert(
      fc.property(objects, objects, steps, fc.boolean(), (before, after, done, isShown) => {
        const kept = arranged(usualLayout(withObject(before), before), done);
        // The model is another one since: fields have come and gone, and the role reads what is there.
        const model = withObject(after);
        const shown = shownLayout(model, after, layoutOf(model, after, kept), (condition) => !condition || isShown);
        expect(fieldsIn(shown).toSorted()).toEqual(
          visibleFields(after)
            .map(({ id }) => id)
            .toSorted(),
        );
        const ids = widgetsOf(shown).map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  test('is found where it was put', () => {
    const model = withObject({ ...person });
    const layout = usualLayout(model, person);
    const [first, second] = layout.side[0]?.kind === 'FIELDS' ? layout.side[0].fieldIds : [];
    const moved = moveField(layout, first!, { list: 'fields:fields', index: 1 });
    expect(placeOf(moved, first!)).toEqual({ list: 'fields:fields', index: 1 });
    expect(placeOf(moved, second!)).toEqual({ list: 'fields:fields', index: 0 });
  });

  test('that is hidden by the condition of its card is among the last ones', () => {
    const object: ModelObject = { ...person, labelFieldId: null, fields: [field('one', 'TEXT'), field('two', 'TEXT')] };
    const model = withObject(object);
    const layout: Layout = {
      ...usualLayout(model, object),
      side: [
        { id: 'a', kind: 'FIELDS', fieldIds: ['field-one'] },
        {
          id: 'b',
          kind: 'FIELDS',
          fieldIds: ['field-two'],
          condition: { fieldId: 'field-one', operand: 'IS_EMPTY' },
        },
      ],
    };
    const shown = shownLayout(model, object, layoutOf(model, object, layout), (condition) => condition === undefined);
    expect(shown.side.map(({ id }) => id)).toEqual(['a', 'more']);
    expect(shown.side[1]).toMatchObject({ isFolded: true, fieldIds: ['field-two'] });
  });
});

test('a new field comes to the group that takes new ones, and else after the field that it follows', () => {
  const fields = ['one', 'two', 'three', 'four'].map((name, position) => field(name, 'TEXT', { position }));
  const object: ModelObject = { ...person, labelFieldId: null, fields };
  const model = withObject(object);
  const groups = (takesNew: boolean): Layout => ({
    ...usualLayout(model, object),
    tabs: [],
    side: [
      { id: 'a', kind: 'FIELDS', fieldIds: ['field-one', 'field-two'] },
      { id: 'b', kind: 'FIELDS', fieldIds: ['field-four'], ...(takesNew ? { takesNew } : {}) },
    ],
  });
  const fieldsOf = (layout: Layout) =>
    layoutOf(model, object, layout).side.map((each) => 'fieldIds' in each && each.fieldIds);
  expect(fieldsOf(groups(false))).toEqual([['field-one', 'field-two', 'field-three'], ['field-four']]);
  expect(fieldsOf(groups(true))).toEqual([
    ['field-one', 'field-two'],
    ['field-four', 'field-three'],
  ]);
});

test('what is taken out stays out, and a tab that goes leaves its cards', () => {
  const model = withObject(person);
  const layout = usualLayout(model, person);
  const without = removeWidget(layout, 'comments');
  expect(widgetsOf(layoutOf(model, person, without)).some(({ kind }) => kind === 'COMMENTS')).toBe(false);
  const added = addTab(layout, 'Second');
  const moved = moveWidget(added.layout, 'timeline', { list: `tab:${added.id}`, index: 0 });
  expect(placeOf(moved, 'timeline')).toEqual({ list: `tab:${added.id}`, index: 0 });
  expect(placeOf(removeTab(moved, added.id), 'timeline')?.list).toBe('tab:tasks');
});

describe('a page that is framed', () => {
  const row = { id: '7', name: 'A & B', parts: { x: 1 } };
  const own = 'https://crm.example';
  test('is told of the record what its address asks for, encoded', () => {
    expect(framedAddress('https://a.example/?q={name}&id={id}&n={nothing}&p={parts}', row, own)).toBe(
      'https://a.example/?q=A%20%26%20B&id=7&n=&p=',
    );
  });
  test.each(['javascript:alert(1)', 'https://crm.example/x', 'data:text/html,x', 'nonsense', 'https://a:b@c.example/'])(
    '%s is not framed',
    (address) => expect(framedAddress(address, row, own)).toBeNull(),
  );
  test('leads nowhere else for what a record says', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const address = framedAddress('https://a.example/{name}', { id: '1', name }, own);
        expect(new URL(address!).origin).toBe('https://a.example');
      }),
    );
  });
});
