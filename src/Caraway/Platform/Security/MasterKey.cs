using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Security;

/// <summary>
/// The key that is never in the database. It comes from <c>CARAWAY_MASTER_KEY</c> (at least 32 characters, the same for every process of
/// one database), or else from a file of mode 600 in the private folder. Each purpose has its own derived key (HKDF, RFC 5869).
/// </summary>
internal sealed class MasterKey
{
    private readonly byte[] key;

    private MasterKey(string secret) => key = SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    public static MasterKey Read(string? setting, PrivateFolder home)
    {
        if (string.IsNullOrWhiteSpace(setting))
            return new MasterKey(home.ReadOrCreateSecret("master.key"));
        return setting.Trim() is { Length: >= 32 } secret
            ? new MasterKey(secret)
            : throw new CommandException(
                ExitCode.BadInput, "CARAWAY_MASTER_KEY must have at least 32 characters. Make one with: openssl rand -hex 32");
    }

    /// <summary>Derives a key of 32 bytes for one purpose.</summary>
    public byte[] Derive(string purpose) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, 32, info: Encoding.UTF8.GetBytes(purpose));
}
