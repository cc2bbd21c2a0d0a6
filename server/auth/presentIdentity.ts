import type { Identity } from './identity.ts';

/** Who is signed in, as /auth/me and every way of signing in answer it. */
export function presentIdentity(identity: Identity) {
  const { userId, email, displayName, memberId, roleName, apiKeyId, impersonatorId, impersonatorName } = identity;
  return {
    user: userId === null ? null : { id: userId, email, name: displayName },
    workspace: {
      id: identity.workspaceId,
      slug: identity.workspaceSlug,
      name: identity.workspaceName,
      modelVersion: identity.modelVersion,
    },
    member: memberId === null ? null : { id: memberId, name: displayName, role: roleName },
    apiKey: apiKeyId === null ? null : { id: apiKeyId, name: displayName, role: roleName },
    impersonator: impersonatorId ? { name: impersonatorName } : null,
  };
}
