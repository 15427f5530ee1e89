using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Caraway.Identity;

/// <summary>
/// Hashes and verifies passwords: ASP.NET Core Identity's format 3, PBKDF2-HMAC-SHA512. A hash costs a core some 100 ms, so no more of them
/// run at once than there are cores, and no more wait than could be done in a few seconds.
/// </summary>
internal sealed class Passwords : IDisposable
{
    private const int MostWaiting = 32;

    private readonly PasswordHasher<object> hasher;
    private readonly SemaphoreSlim cores = new(Environment.ProcessorCount);
    private readonly string nobodys;
    private int waiting;

    public Passwords(IOptions<IdentityOptions> options)
    {
        hasher = new PasswordHasher<object>(Options.Create(new PasswordHasherOptions { IterationCount = options.Value.PasswordIterations }));
        nobodys = hasher.HashPassword(this, "nobody's password");
    }

    /// <summary>What verifying a password found.</summary>
    /// <param name="NewHash">Of the same password, when the stored one has another cost.</param>
    public readonly record struct Verdict(bool IsRight, string? NewHash);

    /// <returns>The hash, or null when too many wait already.</returns>
    public Task<string?> Hash(string password, CancellationToken cancel) =>
        Work<string?>(() => hasher.HashPassword(this, password), cancel);

    /// <summary>Takes the same time for a user who does not exist.</summary>
    /// <param name="hash">Null: there is no such user.</param>
    /// <returns>The verdict, or null when too many wait already.</returns>
    public Task<Verdict?> Verify(string? hash, string password, CancellationToken cancel) =>
        Work<Verdict?>(
            () =>
            {
                var result = hasher.VerifyHashedPassword(this, hash ?? nobodys, password);
                if (hash is null || result == PasswordVerificationResult.Failed)
                    return new Verdict(false, null);
                return new Verdict(true, result == PasswordVerificationResult.SuccessRehashNeeded ? hasher.HashPassword(this, password) : null);
            },
            cancel);

    public void Dispose() => cores.Dispose();

    private async Task<T?> Work<T>(Func<T> work, CancellationToken cancel)
    {
        if (Interlocked.Increment(ref waiting) > MostWaiting + Environment.ProcessorCount)
        {
            Interlocked.Decrement(ref waiting);
            return default;
        }

        try
        {
            await cores.WaitAsync(cancel);
            try
            {
                return await Task.Run(work, CancellationToken.None);
            }
            finally
            {
                cores.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }
}
