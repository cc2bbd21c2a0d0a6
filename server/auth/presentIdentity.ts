import { pageOf } from './identity.ts';
import type { Identity } from './identity.ts';

/** Who is signed in, as /auth/me and every way of signing in answer it. */
export function presentIdentity(identity: Identity) {
  const { userId, email, displayName, memberId, roleName, apiKeyId, impersonatorId, impersonatorName, seeing } =
    identity;
  const { applicationId, applicationName, scopes } = identity;
  return {
    user: userId === null ? null : { id: userId, email, name: displayName },
    workspace: {
      id: identity.workspaceId,
      slug: identity.workspaceSlug,
      name: identity.workspaceName,
      modelVersion: identity.modelVersion,
    },
    member: memberId === null ? null : { id: memberId, name: seeing?.memberName ?? displayName, role: roleName },
    apiKey: apiKeyId === null ? null : { id: apiKeyId, name: displayName, role: roleName },
    application: applicationId === null ? null : { id: applicationId, name: applicationName, scopes },
    impersonator: impersonatorId ? { name: impersonatorName } : null,
    // `page` is what a page of this view sends as X-Member.
    seeing: seeing && { ...seeing, role: roleName, page: pageOf(identity) },
  };
}
