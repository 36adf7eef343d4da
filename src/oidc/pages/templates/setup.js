// The page works without this. With it, the code leaves the address bar and mistakes show beside their fields.
(() => {
  const byId = (id) => document.getElementById(id);
  const form = byId('setup-form');
  const submit = byId('setup-submit');
  // Refusals that concern one field, by their code.
  const FIELD_OF = { invalid_setup_secret: 'secret', weak_password: 'password', email_malformed: 'email', email_taken: 'email' };

  const secret = location.hash.slice(1);
  if (secret) {
    byId('secret').value = secret;
    byId('secret-field').hidden = true;
    history.replaceState(null, '', location.pathname);
  }

  function show(sentence, wrong) {
    byId('setup-error').hidden = !sentence;
    byId('setup-error-text').textContent = sentence;
    for (const field of form.querySelectorAll('.field')) {
      const input = field.querySelector('input');
      const line = byId(`${input.id}-error`);
      line.textContent = wrong[input.name] ?? '';
      line.hidden = !wrong[input.name];
      if (wrong[input.name]) { input.setAttribute('aria-invalid', 'true'); field.hidden = false; } else input.removeAttribute('aria-invalid');
    }
    if (sentence) (form.querySelector('[aria-invalid]') ?? byId('setup-error')).focus();
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      const answer = await fetch(form.action, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(Object.fromEntries(new FormData(form))),
      });
      const problem = await answer.json().catch(() => ({}));
      if (answer.ok) {
        form.reset();
        byId('setup-form-view').hidden = true;
        byId('setup-done-view').hidden = false;
        document.title = 'Ready – Legate';
        byId('setup-done-view').focus();
        return;
      }
      const wrong = {};
      for (const error of problem.errors ?? []) wrong[error.field] ??= error.message;
      const field = FIELD_OF[problem.code];
      if (field) wrong[field] = problem.detail;
      show(field ? 'One field needs another look.' : problem.detail ?? `The server answered with status ${answer.status}.`, wrong);
    } catch {
      show('The server could not be reached. Check that it is running, and try again.', {});
    } finally {
      submit.disabled = false;
    }
  });
})();
