// Security keys and passkeys: asks the browser for what the form's server wants, puts the answer into the form and sends it.
// Nothing is decided here. A form says what it needs:
//   data-key         `sign` (an answer to a challenge) or `make` (a new credential)
//   data-options     what is asked, as the server wrote it
//   data-now         start without waiting for the button
//   input[data-same]     has to be the same as the field it names
//   input[name=answer]   where the answer goes
//   [data-key-says]      where it is said what went wrong
'use strict';

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => {
    let plain = '';
    for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
    return btoa(plain);
  };
  const listed = (credentials) => (credentials || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const sign = async (asked) => {
    const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: listed(asked.allowCredentials) };
    const made = await navigator.credentials.get({ publicKey });
    return {
      id: made.id, rawId: text(made.rawId), type: made.type,
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        authenticatorData: text(made.response.authenticatorData),
        signature: text(made.response.signature),
        userHandle: made.response.userHandle ? text(made.response.userHandle) : null,
      },
    };
  };

  const make = async (asked) => {
    const publicKey = {
      ...asked, challenge: bytes(asked.challenge), user: { ...asked.user, id: bytes(asked.user.id) },
      excludeCredentials: listed(asked.excludeCredentials),
    };
    const made = await navigator.credentials.create({ publicKey });
    return {
      id: made.id, rawId: text(made.rawId), type: made.type,
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
      },
      extensions: made.getClientExtensionResults ? made.getClientExtensionResults() : {},
    };
  };

  for (const form of document.querySelectorAll('form[data-key]')) {
    const says = form.querySelector('[data-key-says]');
    const say = (name) => {
      if (says) { says.textContent = says.dataset[name] || ''; says.hidden = !says.textContent; }
    };
    if (!window.PublicKeyCredential) {
      say('unable');
      continue;
    }
    // No key is made for a form that cannot be sent yet.
    for (const input of form.querySelectorAll('input[data-same]')) {
      const check = () => input.setCustomValidity(
        input.value === form.elements[input.dataset.same].value ? '' : input.dataset.differs);
      form.addEventListener('input', check);
      check();
    }
    let busy = false;
    const run = async () => {
      if (busy) return;
      busy = true;
      say('waiting');
      try {
        const { publicKey } = JSON.parse(form.dataset.options);
        const answer = await (form.dataset.key === 'make' ? make(publicKey) : sign(publicKey));
        form.elements.answer.value = JSON.stringify(answer);
        form.submit();
      } catch (error) {
        busy = false;
        say(error && error.name === 'InvalidStateError' ? 'known' : 'refused');
      }
    };
    form.addEventListener('submit', (event) => {
      // Another button of the form may not need the key.
      if (event.submitter && event.submitter.hasAttribute('data-plain')) return;
      if (!form.elements.answer.value) {
        event.preventDefault();
        if (form.reportValidity()) run();
      }
    });
    if ('now' in form.dataset) run();
  }
})();
