using Caraway.Platform.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Users;

/// <summary>
/// Hashes and verifies passwords in ASP.NET Core Identity's format 3, PBKDF2-HMAC-SHA512. A hash takes a core about 100 ms. So hashing uses
/// all cores but one, and the number of waiting requests is limited to a few seconds of work.
/// </summary>
internal sealed class Passwords : IDisposable
{
    /// <summary>Requests that may wait in addition to those that are hashing.</summary>
    internal const int MostWaiting = 32;

    private readonly PasswordHasher<object> hasher;
    private readonly Limiter cores = new(MostAtOnce);

    /// <summary>Anybody can register, so new passwords are hashed one at a time and do not delay sign-ins.</summary>
    private readonly Limiter newPasswords = new(1);

    private readonly string unknownUserHash;

    public Passwords(IOptions<IdentityOptions> options)
    {
        var cost = new PasswordHasherOptions { IterationCount = options.Value.PasswordIterations };
        hasher = new PasswordHasher<object>(Options.Create(cost));
        unknownUserHash = hasher.HashPassword(this, "the password of an unknown user");
    }

    /// <summary>The result of a verification.</summary>
    /// <param name="NewHash">A new hash of the same password when the stored hash has another cost; else null.</param>
    public readonly record struct Verdict(bool IsRight, string? NewHash);

    public static Refusal Busy { get; } = Refusal.Busy("Too many passwords are being checked. Try again shortly.");

    internal static int MostAtOnce { get; } = Math.Max(1, Environment.ProcessorCount - 1);

    /// <returns>The hash, or null when too many requests wait already.</returns>
    public Task<string?> Hash(string password, CancellationToken cancel) =>
        newPasswords.Run(
            () => cores.Run(() => Task.Run<string?>(() => hasher.HashPassword(this, password), CancellationToken.None), cancel), cancel);

    /// <summary>Takes the same time for an unknown user.</summary>
    /// <param name="hash">The stored hash; null for an unknown user.</param>
    /// <returns>The verdict, or null when too many requests wait already.</returns>
    public Task<Verdict?> Verify(string? hash, string password, CancellationToken cancel) =>
        cores.Run(() => Task.Run<Verdict?>(() => Compare(hash, password), CancellationToken.None), cancel);

    public void Dispose()
    {
        cores.Dispose();
        newPasswords.Dispose();
    }

    private Verdict Compare(string? hash, string password)
    {
        var result = hasher.VerifyHashedPassword(this, hash ?? unknownUserHash, password);
        if (hash is null || result == PasswordVerificationResult.Failed)
            return new Verdict(false, null);
        return new Verdict(true, result == PasswordVerificationResult.SuccessRehashNeeded ? hasher.HashPassword(this, password) : null);
    }

    /// <summary>Runs some work at once, lets some wait, and refuses the rest.</summary>
    private sealed class Limiter(int atOnce) : IDisposable
    {
        private readonly SemaphoreSlim slots = new(atOnce);
        private int present;

        /// <returns>The result of the work, or null when too many wait already.</returns>
        public async Task<T?> Run<T>(Func<Task<T?>> work, CancellationToken cancel)
        {
            try
            {
                if (Interlocked.Increment(ref present) > MostWaiting + atOnce)
                    return default;
                await slots.WaitAsync(cancel);
                try
                {
                    return await work();
                }
                finally
                {
                    slots.Release();
                }
            }
            finally
            {
                Interlocked.Decrement(ref present);
            }
        }

        public void Dispose() => slots.Dispose();
    }
}
