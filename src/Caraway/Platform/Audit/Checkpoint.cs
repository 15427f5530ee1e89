using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Platform.Audit;

/// <summary>How far the chain was at a time, signed with a key that is not in the database; kept elsewhere, it shows what was cut off or written anew since.</summary>
/// <param name="Hash">The chain's hash at the position, in hex.</param>
/// <param name="Signature">HMAC-SHA256 over the rest, in hex, under a key derived from the master key.</param>
public sealed record Checkpoint(long Position, string Hash, string At, string Signature)
{
    private const string Head = "select position, hash from platform.chain order by position desc limit 1";

    private sealed record Row(long Position, byte[] Hash);

    /// <summary>The chain's end, signed; null when nothing is in it yet.</summary>
    internal static async Task<Checkpoint?> Take(Database database, MasterKey key, DateTime now, CancellationToken cancel)
    {
        if (await database.First<Row>(Head, null, cancel) is not { } end)
            return null;
        var unsigned = new Checkpoint(end.Position, Convert.ToHexStringLower(end.Hash), now.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture), "");
        return unsigned with { Signature = Convert.ToHexStringLower(unsigned.Sign(key)) };
    }

    /// <summary>Reads a checkpoint and checks its signature.</summary>
    /// <exception cref="CommandException">It is none, or was not signed with this master key.</exception>
    internal static Checkpoint Read(string json, MasterKey key)
    {
        Checkpoint? read;
        try
        {
            read = JsonSerializer.Deserialize(json, PlatformJson.Default.Checkpoint);
        }
        catch (JsonException e)
        {
            throw new CommandException(ExitCode.BadInput, "The file is no checkpoint; ./caraway audit checkpoint makes one.", e);
        }

        if (read is not { Position: > 0, Hash: { Length: 2 * Chain.HashLength } hash, At: not null, Signature: { Length: > 0 } signature } || !hash.All(char.IsAsciiHexDigitLower))
            throw new CommandException(ExitCode.BadInput, "The file is no checkpoint; ./caraway audit checkpoint makes one.");
        return CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(read.Sign(key))), Encoding.UTF8.GetBytes(signature))
            ? read
            : throw new CommandException(ExitCode.Tampered, "The checkpoint was not signed with this master key, or was changed since.");
    }

    private byte[] Sign(MasterKey key) =>
        HMACSHA256.HashData(key.Derive("checkpoints of the event chain"), Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"caraway checkpoint 1\n{Position}\n{Hash}\n{At}")));
}
