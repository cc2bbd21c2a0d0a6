import { useEffect, useState, type ComponentType } from 'react';
import { ConsentPage } from './ConsentPage.tsx';
import { tokenOfLink } from './entrance.ts';
import { CONSENT_PATH } from './entrancePaths.ts';
import { ApproveDomain, ChangeEmail, FollowMagicLink, VerifyEmail } from './LinkPages.tsx';
import { AskForMagicLink, ForgotPassword, ResetPassword } from './PasswordPages.tsx';
import { SsoReturn } from './SsoReturn.tsx';
import { AcceptInvitation, FollowInviteLink, SignUp } from './SignUpPages.tsx';

const PAGES: { [path: string]: ComponentType } = {
  '/join': AcceptInvitation,
  '/join-link': FollowInviteLink,
  '/sign-up': SignUp,
  '/forgot-password': ForgotPassword,
  '/reset-password': ResetPassword,
  '/magic-link': () => (tokenOfLink() === '' ? <AskForMagicLink /> : <FollowMagicLink />),
  '/verify-email': VerifyEmail,
  '/change-email': ChangeEmail,
  '/approve-domain': ApproveDomain,
  '/sso': SsoReturn,
};

/** The pages of links in mails and of people who have no account yet. They work whether somebody is signed in or not. */
export function Entrance() {
  // A link that is opened over a page of the same path changes only what stands behind the #.
  const [token, setToken] = useState(tokenOfLink);
  useEffect(() => {
    const read = () => setToken(tokenOfLink());
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  const { pathname } = window.location;
  const Page = pathname.startsWith(CONSENT_PATH) ? ConsentPage : PAGES[pathname];
  return Page ? <Page key={token} /> : null;
}
