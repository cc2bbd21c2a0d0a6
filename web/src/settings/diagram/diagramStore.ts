import { create } from 'zustand';
import type { FieldPreset } from '../FieldPanel.tsx';

/** What is open beside the diagram: a field that exists, or one to be made. */
export const useDiagram = create<{
  panel: { objectId: string; fieldId?: string; preset?: FieldPreset } | null;
}>(() => ({ panel: null }));
