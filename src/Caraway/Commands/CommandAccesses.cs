using System.Collections.Frozen;
using System.Security.Cryptography;
using Caraway.Platform.Audit;
using Caraway.Platform.Security;
using Npgsql;

namespace Caraway.Commands;

/// <summary>Records in the access log what a command shows. Each record is in the database before the command goes on.</summary>
internal sealed class CommandAccesses(NpgsqlDataSource source, string action)
{
    private readonly AccessTables tables = new(source);

    private readonly Caller caller = new()
    {
        Id = "command",
        Permissions = FrozenSet<string>.Empty,
        RequestId = RandomNumberGenerator.GetHexString(32, lowercase: true),
        Address = null,
        Action = action,
    };

    public async Task Record(AccessedRecords records, CancellationToken cancel)
    {
        if (records.Ids.Length == 0)
            return;
        var now = Workspace.Now;
        List<Access> batch = [new(now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), caller, null, records)];
        var number = await tables.DrawNumber(cancel);
        await tables.Insert(number, batch, AccessBatch.Digest(batch.Select(access => access.ToRecord())), now);
    }
}
