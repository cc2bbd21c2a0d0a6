import { fieldById, relatedLists } from '../model/lookup.ts';
import type { Model, ModelObject } from '../model/types.ts';
import type { Tab, Widget, WidgetKind } from './layout.ts';
import { t } from '../language/t.ts';

const NAMES: { [kind in Exclude<WidgetKind, 'FIELD' | 'RELATION' | 'CHART'>]: string } = {
  FIELDS: t('Fields'),
  TEXT: t('Text'),
  FRAME: t('Web page'),
  ABOUT: t('About'),
  NOTES: t('Notes'),
  TASKS: t('Tasks'),
  FILES: t('Files'),
  COMMENTS: t('Comments'),
  TIMELINE: t('Timeline'),
};

/** What a widget is called while one arranges the page. */
export function widgetName(model: Model, object: ModelObject, widget: Widget): string {
  if (widget.title) return widget.title;
  if (widget.kind === 'FIELD') return fieldById(object, widget.fieldId)?.label ?? t('A field that is gone');
  if (widget.kind === 'RELATION' || widget.kind === 'CHART') {
    const list = relatedLists(model, object).find(({ relation }) => relation.id === widget.relationId);
    return list?.label ?? t('A relation that is gone');
  }
  return NAMES[widget.kind];
}

const TABS: { [id: string]: string } = { overview: t('Overview'), tasks: t('Tasks'), notes: t('Notes') };

/** What a tab is called: as somebody named it, else as usual. */
export const tabName = ({ id, name }: Pick<Tab, 'id' | 'name'>): string => name ?? TABS[id] ?? t('Tab');
