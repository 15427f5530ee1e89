using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Platform.Audit;

/// <summary>
/// The end of the chain at a moment, signed with a key that is not in the database. Kept outside the database, it reveals a chain that was
/// cut off or rewritten since.
/// </summary>
/// <param name="Hash">The chain's hash at the position, in hex.</param>
/// <param name="Signature">HMAC-SHA256 over the other fields, in hex, under a key derived from the master key.</param>
public sealed record Checkpoint(long Position, string Hash, string At, string Signature)
{
    private const string NotACheckpoint = "The file is not a checkpoint. Make one with: ./caraway audit checkpoint";

    private const string HeadSql = "select position, hash from platform.chain order by position desc limit 1";

    private sealed record Head(long Position, byte[] Hash);

    /// <returns>Null when the chain is empty.</returns>
    internal static async Task<Checkpoint?> Take(Database database, MasterKey key, DateTime now, CancellationToken cancel)
    {
        if (await database.First<Head>(HeadSql, null, cancel) is not { } end)
            return null;
        var at = now.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        var unsigned = new Checkpoint(end.Position, Convert.ToHexStringLower(end.Hash), at, "");
        return unsigned with { Signature = Convert.ToHexStringLower(unsigned.Sign(key)) };
    }

    /// <summary>Reads a checkpoint and checks its signature.</summary>
    /// <exception cref="CommandException">It is not a checkpoint, or was not signed with this master key.</exception>
    internal static Checkpoint Read(string json, MasterKey key)
    {
        Checkpoint? read;
        try
        {
            read = JsonSerializer.Deserialize(json, AuditJson.Default.Checkpoint);
        }
        catch (JsonException e)
        {
            throw new CommandException(ExitCode.BadInput, NotACheckpoint, e);
        }

        if (read is not { Position: > 0, Hash: { Length: 2 * Chain.HashLength } hash, At: not null, Signature.Length: > 0 }
            || !hash.All(char.IsAsciiHexDigitLower))
            throw new CommandException(ExitCode.BadInput, NotACheckpoint);
        var expected = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(read.Sign(key)));
        return CryptographicOperations.FixedTimeEquals(expected, Encoding.UTF8.GetBytes(read.Signature))
            ? read
            : throw new CommandException(
                ExitCode.Tampered, "The checkpoint was changed after it was signed, or it was signed with another master key.");
    }

    private byte[] Sign(MasterKey key)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"caraway checkpoint 1\n{Position}\n{Hash}\n{At}");
        return HMACSHA256.HashData(key.Derive("checkpoints of the event chain"), Encoding.UTF8.GetBytes(text));
    }
}
