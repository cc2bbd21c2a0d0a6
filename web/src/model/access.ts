import { ask } from './calls.ts';

export type AccessAction = 'READ' | 'CREATE' | 'UPDATE' | 'DELETE' | 'DESTROY';

export interface AccessReason {
  kind: string;
  allows: boolean;
  text: string;
  role: string;
  isIncluded?: boolean;
}

export interface Access {
  allowed: boolean;
  role: string;
  reasons: AccessReason[];
}

export interface AccessQuestion {
  objectName: string;
  action: AccessAction;
  recordId: string | null;
  fieldName: string | null;
  memberId: string | null;
  roleId: string | null;
}

/** Whether a member or a role may do something, and which rules say so. Of nobody in particular: the caller. */
export const explainAccess = (question: AccessQuestion): Promise<Access> =>
  ask(
    'explainAccess',
    {
      objectName: 'String!',
      action: 'String',
      recordId: 'UUID',
      fieldName: 'String',
      memberId: 'UUID',
      roleId: 'UUID',
    },
    { ...question },
  );
