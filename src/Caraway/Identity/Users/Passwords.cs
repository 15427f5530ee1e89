using Caraway.Platform.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Caraway.Identity.Users;

/// <summary>
/// Hashes and verifies passwords: ASP.NET Core Identity's format 3, PBKDF2-HMAC-SHA512. A hash costs a core some 100 ms, so all of them
/// together leave a core free, and no more wait than could be done in a few seconds.
/// </summary>
internal sealed class Passwords : IDisposable
{
    /// <summary>Beside those at work.</summary>
    internal const int MostWaiting = 32;

    private readonly PasswordHasher<object> hasher;
    private readonly Line cores = new(MostAtOnce);

    /// <summary>New passwords, which strangers may ask for, come one at a time, so that they cannot keep others from signing in.</summary>
    private readonly Line newOnes = new(1);

    private readonly string nobodys;

    public Passwords(IOptions<IdentityOptions> options)
    {
        hasher = new PasswordHasher<object>(Options.Create(new PasswordHasherOptions { IterationCount = options.Value.PasswordIterations }));
        nobodys = hasher.HashPassword(this, "nobody's password");
    }

    /// <summary>What verifying a password found.</summary>
    /// <param name="NewHash">Of the same password, when the stored one has another cost.</param>
    public readonly record struct Verdict(bool IsRight, string? NewHash);

    public static Refusal Busy { get; } = Refusal.Busy("Too many passwords are being checked. Try again shortly.");

    internal static int MostAtOnce { get; } = Math.Max(1, Environment.ProcessorCount - 1);

    /// <returns>The hash, or null when too many wait already.</returns>
    public Task<string?> Hash(string password, CancellationToken cancel) =>
        newOnes.Pass(() => cores.Pass(() => Task.Run<string?>(() => hasher.HashPassword(this, password), CancellationToken.None), cancel), cancel);

    /// <summary>Takes the same time for a user who does not exist.</summary>
    /// <param name="hash">Null: there is no such user.</param>
    /// <returns>The verdict, or null when too many wait already.</returns>
    public Task<Verdict?> Verify(string? hash, string password, CancellationToken cancel) =>
        cores.Pass(() => Task.Run<Verdict?>(() => Compare(hash, password), CancellationToken.None), cancel);

    public void Dispose()
    {
        cores.Dispose();
        newOnes.Dispose();
    }

    private Verdict Compare(string? hash, string password)
    {
        var result = hasher.VerifyHashedPassword(this, hash ?? nobodys, password);
        if (hash is null || result == PasswordVerificationResult.Failed)
            return new Verdict(false, null);
        return new Verdict(true, result == PasswordVerificationResult.SuccessRehashNeeded ? hasher.HashPassword(this, password) : null);
    }

    /// <summary>Lets some work at once, some wait, and sends the others away.</summary>
    private sealed class Line(int atOnce) : IDisposable
    {
        private readonly SemaphoreSlim places = new(atOnce);
        private int present;

        /// <returns>The work's result, or null when the line was full.</returns>
        public async Task<T?> Pass<T>(Func<Task<T?>> work, CancellationToken cancel)
        {
            try
            {
                if (Interlocked.Increment(ref present) > MostWaiting + atOnce)
                    return default;
                await places.WaitAsync(cancel);
                try
                {
                    return await work();
                }
                finally
                {
                    places.Release();
                }
            }
            finally
            {
                Interlocked.Decrement(ref present);
            }
        }

        public void Dispose() => places.Dispose();
    }
}
