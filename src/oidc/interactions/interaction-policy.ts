import { interactionPolicy as library } from 'oidc-provider';

/**
 * When a person is asked: the library's own policy (sign in without a session or past `max_age`; consent to what was not
 * agreed to before), and sign in again when the session's person can no longer be found, or all their sign-ins were ended since.
 */
export function interactionPolicy(): library.DefaultPolicy {
  const policy = library.base();
  policy.get('login')!.checks.add(new library.Check('account_gone', 'the session no longer speaks for its person', 'login_required', (ctx) =>
    (ctx.oidc.session?.accountId && !ctx.oidc.account ? library.Check.REQUEST_PROMPT : library.Check.NO_NEED_TO_PROMPT)));
  return policy;
}
