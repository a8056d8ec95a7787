/** Preloaded into a gateway (`node --import`): each SIGUSR2 sets its clock back by an hour. */
const HOUR_MS = 3_600_000;
const now = Date.now.bind(Date);
let back = 0;

process.on('SIGUSR2', () => {
  back += HOUR_MS;
});
Date.now = () => now() - back;
