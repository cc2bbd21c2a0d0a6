import { create } from 'zustand';
import type { ModelObject } from '../model/types.ts';

interface CreateRequest {
  object: ModelObject;
  /** What was typed as the new record's label. */
  text: string;
  onCreated: (made: { id: string; label: string }) => void;
}

/** A picker asks here for a record whose object needs more than a label; the page around it shows the form. */
export const useCreateRequest = create<{ request: CreateRequest | null }>(() => ({ request: null }));
