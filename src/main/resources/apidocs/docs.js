'use strict';

const docs = SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  // The default asks a server on the internet.
  validatorUrl: null,
});

const form = document.getElementById('sign-in');
const signOut = document.getElementById('sign-out');
const said = form.querySelector('output');
let refreshToken = null;

async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const content = text === '' ? {} : JSON.parse(text);
  if (!answer.ok) {
    throw new Error(content.detail);
  }
  return content;
}

function failed(failure) {
  said.value = `Не удалось · That failed: ${failure.message}`;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const {email, password} = form.elements;
  try {
    const tokens = await post('/api/auth/login', {email: email.value, password: password.value});
    refreshToken = tokens.refresh_token;
    docs.preauthorizeApiKey('bearer', tokens.access_token);
    password.value = '';
    signOut.hidden = false;
    const minutes = Math.floor(tokens.expires_in / 60);
    said.value = `Вы вошли на ${minutes} мин. · Signed in for ${minutes} minutes.`;
  } catch (failure) {
    failed(failure);
  }
});

signOut.addEventListener('click', async () => {
  try {
    await post('/api/auth/logout', {refresh_token: refreshToken});
    docs.authActions.logout(['bearer']);
    signOut.hidden = true;
    said.value = 'Вы вышли. · Signed out.';
  } catch (failure) {
    failed(failure);
  }
});
