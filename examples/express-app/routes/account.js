'use strict';

const { Router } = require('express');
const { rateLimit } = require('redstart/express');
const { logIn, logOut, requireLogin } = require('../auth.js');
const { withFewGuesses } = require('../guesses.js');
const { accountPage, loginPage, signupPage } = require('../views/account.js');

const EMAIL = /^[^\s@<>"]{1,64}@[^\s@<>"]{1,190}$/;
const PASSWORD_CHARACTERS_MIN = 10;
// scrypt takes any length; a request should not decide how much there is to hash.
const PASSWORD_CHARACTERS_MAX = 200;
const NAME_CHARACTERS_MAX = 60;

function accountRoutes({ pictures, state, users }) {
  const routes = Router();
  // Hashing a password is slow on purpose, and a new account is a file written: few of them an address.
  const fewSignups = rateLimit({ limiter: state.signupLimit });

  routes.get('/login', (req, res) => res.send(loginPage({ user: req.user })));

  routes.post('/login', async (req, res) => {
    const { email, password } = fields(req);
    const { user, retryAfterSeconds } = await withFewGuesses(
      state,
      { ip: req.ip, account: email },
      async () => password.length <= PASSWORD_CHARACTERS_MAX && (await users.authenticate(email, password)),
    );
    if (retryAfterSeconds) {
      res.set('Retry-After', String(retryAfterSeconds));
      const problem = `Too many wrong passwords. Please try again in ${Math.ceil(retryAfterSeconds / 60)} minutes.`;
      res.status(429).send(loginPage({ email, problem }));
      return;
    }
    if (!user) {
      // One sentence for both mistakes: it tells nobody which addresses have an account.
      res.status(401).send(loginPage({ email, problem: 'This address and password do not belong together.' }));
      return;
    }
    const { returnTo } = req.session;
    await logIn(req, user);
    res.redirect(303, returnTo ?? '/account');
  });

  routes.get('/signup', (req, res) => res.send(signupPage({ user: req.user })));

  routes.post('/signup', fewSignups, async (req, res) => {
    const { name, email, password } = fields(req);
    const problem = signupProblem({ name, email, password });
    if (problem) {
      res.status(422).send(signupPage({ name, email, problem }));
      return;
    }
    const user = await users.create({ name, email, password });
    if (!user) {
      res.status(409).send(signupPage({ name, email, problem: 'This address has an account already.' }));
      return;
    }
    // Queued, not sent: a slow or missing mail server must not keep the visitor waiting. The job's id makes it one
    // letter an account, however often this line should run.
    await state.mail.add('welcome', { to: user.email, name: user.name }, { jobId: `welcome-${user.id}` });
    await logIn(req, user);
    res.redirect(303, '/account');
  });

  routes.post('/logout', async (req, res) => {
    await logOut(req, res);
    res.redirect(303, '/');
  });

  routes.get('/account', requireLogin, async (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    res.send(accountPage({ user: req.user, visits: req.session.visits, ...(await pictureOf(req)) }));
  });

  routes.post('/account/api-key', requireLogin, async (req, res) => {
    // No redirect: this page is the only place where the key is ever seen.
    const apiKey = await users.renewApiKey(req.user);
    res.send(accountPage({ user: req.user, visits: req.session.visits ?? 0, apiKey, ...(await pictureOf(req)) }));
  });

  async function pictureOf({ session, user }) {
    return { hasPicture: await pictures.has(user.id), upload: await pictures.look(session.pictureJob) };
  }

  return routes;
}

function fields(req) {
  const { name = '', email = '', password = '' } = req.body ?? {};
  return { name: String(name).trim(), email: String(email).trim(), password: String(password) };
}

function signupProblem({ name, email, password }) {
  // Control characters have no place in a name, least of all in the head of a mail.
  if (!name || name.length > NAME_CHARACTERS_MAX || /\p{Cc}/u.test(name)) {
    return `Please give a name of at most ${NAME_CHARACTERS_MAX} characters.`;
  }
  if (!EMAIL.test(email)) {
    return 'This does not look like an e-mail address.';
  }
  if (password.length < PASSWORD_CHARACTERS_MIN || password.length > PASSWORD_CHARACTERS_MAX) {
    return `A password has ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX} characters.`;
  }
  return undefined;
}

module.exports = { accountRoutes };
