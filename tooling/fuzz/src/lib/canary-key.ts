// A key made for these inputs alone, by GnuPG: ed25519 to sign, cv25519 to encrypt, no passphrase.
export const canarySecretKey = Buffer.from(
  'lFgEawO52xYJKwYBBAHaRw8BAQdAbwGWEVHKucOmLzZ1UqHw5EDD8X4b+KezUy113c3UrV0AAQCbX4l+6igAOl9HWh5UpRL7cKcLUN8jR05wEm' +
    'R5T67v2g2gtBJjYW5hcnlAZXhhbXBsZS5vcmeIkAQTFggAOBYhBB7jaCh3SP8cttR0s/Em+pE1QOsnBQJrA7nbAhsDBQsJCAcCBhUKCQgLAgQW' +
    'AgMBAh4BAheAAAoJEPEm+pE1QOsnWisA/RjteMHiRre6XGVeUpZbfMFSVvMY5EmPWn7rTA3dSQ06AP95dGWB4xJ+EOkhAVGo1doEG2c39NXNa9' +
    'gnmf6RF3apCpxdBGsDudsSCisGAQQBl1UBBQEBB0AuEuKuVJqGlhf47I9kMJm/RedJGraSeRGur66CxfpVcAMBCAcAAP90EWJhwzoDbvdRFtq7' +
    'jXZQReZKWpdx9DGm0W8VZpzEeBAwiHgEGBYIACAWIQQe42god0j/HLbUdLPxJvqRNUDrJwUCawO52wIbDAAKCRDxJvqRNUDrJ6bWAQDcg4vOy4' +
    'fPD20AbMW5gafCY1I/fuIdrEskrpaRXtnonQEAqPq0k2kt12ad8yK+I8fJncmguAthLgiMlxmvvytyRQk=',
  'base64',
)
