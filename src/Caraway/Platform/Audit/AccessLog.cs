using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Threading.Channels;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Platform.Telemetry;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Platform.Audit;

/// <summary>How accesses are recorded (section <c>AccessLog</c>).</summary>
internal sealed class AccessLogOptions
{
    /// <summary>How many records wait for the database at most, beside those of the batch that is being written; then reads are refused.</summary>
    [Range(1, 1_000_000)]
    public int Capacity { get; set; } = 10_000;

    /// <summary>How long records are gathered before they are written, in milliseconds. A kill loses those, and what waits behind them when the database does not keep up.</summary>
    [Range(1, 10_000)]
    public int DelayMilliseconds { get; set; } = 100;
}

/// <summary>What an answer with patients' data shows.</summary>
internal sealed record AccessedRecords
{
    /// <summary><c>module.thing</c>, as in the subjects of events.</summary>
    public required string Kind { get; init; }

    /// <summary>Which of them.</summary>
    public required long[] Ids { get; init; }

    /// <summary>The users whose records they are; null when none of them names one.</summary>
    public long[]? PatientIds { get; init; }
}

/// <summary>
/// Who was shown what, when and why. A handler records before it answers; records are written in batches, and each batch raises one event
/// with its digest, so that reads stand in the chain too. What cannot be recorded is not shown.
/// </summary>
internal sealed partial class AccessLog(
    NpgsqlDataSource source, IOptions<AccessLogOptions> options, CarawayMetrics metrics, TimeProvider time, ILogger<AccessLog> logger) : BackgroundService
{
    /// <summary>The name of the event that a batch raises.</summary>
    public const string Recorded = "access.recorded";

    private const int LongestReason = 500;
    private const int MostInBatch = 2_000;

    private static readonly TimeSpan AfterFault = TimeSpan.FromMilliseconds(500);

    /// <summary>What a stop waits for the last records, whatever else has used up of the time for a stop.</summary>
    private static readonly TimeSpan LastWrites = TimeSpan.FromSeconds(5);

    /// <summary>Records go in by COPY, which costs the database half of an insert.</summary>
    private const string Write = "copy platform.access_log (id, at, actor, request_id, address, action, reason, kind, ids, patient_ids) from stdin (format binary)";

    private const string List = "insert into platform.access_batches (batch, kind, ids, patient_ids) values ($1, $2, $3, $4)";

    private const string Raise = """
        insert into platform.events (at, name, subject, actor, payload)
        values ($1, 'access.recorded', 'platform.access_batch:' || $2, 'caraway', json_build_object('batch', $2, 'records', $3, 'digest', $4)::text)
        """;

    private const string IsWritten = """
        select exists (
            select from platform.events where name = 'access.recorded' and subject = 'platform.access_batch:' || @batch and payload like '%' || @digest || '%')
        """;

    private const string Draw = "select nextval('platform.access_batch_ids')";

    private const string Merge = "select gin_clean_pending_list('platform.access_batches_ids'), gin_clean_pending_list('platform.access_batches_patients')";

    /// <summary>A merge is followed by this many times its own length without one: it takes no more than a tenth of a connection, also under load.</summary>
    private const int Restraint = 9;

    private static readonly TimeSpan BetweenMerges = TimeSpan.FromSeconds(2);

    /// <summary>The longest that a read is held back for others to be recorded.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly Channel<Access> waiting = Channel.CreateBounded<Access>(new BoundedChannelOptions(options.Value.Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });
    private readonly List<Access> batch = new(256);
    private readonly Dictionary<string, (List<long> Ids, List<long> PatientIds)> listed = [];
    private long? batchId;
    private volatile bool hasUnmerged;
    private TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Access(DateTime At, Caller Caller, string? Reason, AccessedRecords Records)
    {
        public AccessBatch.Record Record => new(
            At, Caller.Id, Caller.RequestId, Caller.Address, Caller.Action, Reason, Records.Kind, AccessBatch.Array(Records.Ids), Records.PatientIds is null ? null : AccessBatch.Array(Records.PatientIds));
    }

    /// <summary>Records that the caller is about to be shown this; showing nothing is no access.</summary>
    /// <returns>The refusal to answer instead, when it cannot be recorded.</returns>
    public Refusal? Add(Caller caller, AccessedRecords records)
    {
        if (records.Ids.Length == 0)
            return null;
        string? reason = null;
        if (caller.AccessReason is { } given && !TryRead(given, out reason))
            return Refusal.InvalidHeader("X-Access-Reason", $"The reason must have at most {LongestReason} characters, and no control characters.");
        var now = time.GetUtcNow().UtcDateTime;
        if (waiting.Writer.TryWrite(new Access(now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), caller, reason, records)))
            return null;
        metrics.AccessRefused();
        return Refusal.Busy("Reads cannot be recorded now, and what is not recorded is not shown. Try again in a moment.");
    }

    /// <summary>Whether reads may come as they like: no more than half of what may be held waits to be written.</summary>
    public bool HasRoom => waiting.Reader.Count <= options.Value.Capacity / 2;

    /// <summary>
    /// Holds a read back until there is room, or its patience is over. Under more reads than the database can record beside them, callers
    /// slow down together, and are refused only when the database hardly records at all.
    /// </summary>
    public async Task Room(CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        for (var next = Volatile.Read(ref written); !HasRoom && !cancel.IsCancellationRequested; next = Volatile.Read(ref written))
        {
            var left = Patience - time.GetElapsedTime(began);
            if (left <= TimeSpan.Zero)
                return;
            await next.Task.WaitAsync(left, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Writes what waits now, in one statement.</summary>
    /// <returns>How many records.</returns>
    public async Task<int> WriteOnce(CancellationToken cancel)
    {
        // After a failure the same batch again, with its number: if it was written after all, its ids are taken.
        while (batchId is null && batch.Count < MostInBatch && waiting.Reader.TryRead(out var access))
            batch.Add(access);
        if (batch.Count == 0)
            return 0;
        await using var database = new Database(source);
        batchId ??= await database.First<long>(Draw, null, cancel);
        try
        {
            await Insert(batchId.Value);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            // By the digest of all of it: requests' ids are the callers' own, and can come twice.
            if (!await database.First<bool>(IsWritten, new { batch = batchId.Value, digest = DigestOfBatch() }, cancel))
            {
                // Another's: the sequence is behind the table, as after a restore in parts.
                batchId = await database.First<long>(Draw, null, cancel);
                throw;
            }

            LogWritten(batchId.Value);
        }

        var count = batch.Count;
        batch.Clear();
        batchId = null;
        hasUnmerged = true;
        metrics.AccessesRecorded(count);
        Interlocked.Exchange(ref written, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        return count;
    }

    /// <summary>Records and event in one transaction. Not cancellable: a stop waits for it.</summary>
    private async Task Insert(long number)
    {
        await using var connection = await source.OpenConnectionAsync(CancellationToken.None);
        await using var transaction = await connection.BeginTransactionAsync(CancellationToken.None);
        await using (var copy = await connection.BeginBinaryImportAsync(Write, CancellationToken.None))
        {
            for (var place = 0; place < batch.Count; place++)
            {
                var (at, caller, reason, shown) = batch[place];
                await copy.StartRowAsync(CancellationToken.None);
                await copy.WriteAsync((number << AccessBatch.PlaceBits) + place + 1, NpgsqlDbType.Bigint, CancellationToken.None);
                await copy.WriteAsync(at, NpgsqlDbType.TimestampTz, CancellationToken.None);
                await copy.WriteAsync(caller.Id, NpgsqlDbType.Text, CancellationToken.None);
                await copy.WriteAsync(caller.RequestId, NpgsqlDbType.Text, CancellationToken.None);
                await Text(caller.Address);
                await copy.WriteAsync(caller.Action, NpgsqlDbType.Text, CancellationToken.None);
                await Text(reason);
                await copy.WriteAsync(shown.Kind, NpgsqlDbType.Text, CancellationToken.None);
                await copy.WriteAsync(shown.Ids, NpgsqlDbType.Array | NpgsqlDbType.Bigint, CancellationToken.None);
                if (shown.PatientIds is { } patients)
                    await copy.WriteAsync(patients, NpgsqlDbType.Array | NpgsqlDbType.Bigint, CancellationToken.None);
                else
                    await copy.WriteNullAsync(CancellationToken.None);
            }

            await copy.CompleteAsync(CancellationToken.None);

            Task Text(string? value) => value is null ? copy.WriteNullAsync(CancellationToken.None) : copy.WriteAsync(value, NpgsqlDbType.Text, CancellationToken.None);
        }

        await using var raise = new NpgsqlBatch(connection, transaction);
        foreach (var (kind, (ids, patients)) in AccessBatch.ListOf(batch.Select(access => access.Records), listed))
        {
            raise.BatchCommands.Add(new NpgsqlBatchCommand(List)
            {
                Parameters =
                {
                    new NpgsqlParameter<long> { TypedValue = number }, new NpgsqlParameter<string> { TypedValue = kind },
                    new NpgsqlParameter<List<long>> { TypedValue = ids }, new NpgsqlParameter<List<long>> { TypedValue = patients },
                },
            });
        }

        raise.BatchCommands.Add(new NpgsqlBatchCommand(Raise)
        {
            Parameters =
            {
                new NpgsqlParameter<DateTime> { TypedValue = time.GetUtcNow().UtcDateTime }, new NpgsqlParameter<long> { TypedValue = number },
                new NpgsqlParameter<int> { TypedValue = batch.Count }, new NpgsqlParameter<string> { TypedValue = DigestOfBatch() },
            },
        });
        await raise.ExecuteNonQueryAsync(CancellationToken.None);
        await transaction.CommitAsync(CancellationToken.None);
        EventSignal.Written.Raise();
    }

    private string DigestOfBatch() => AccessBatch.Digest(batch.Select(access => access.Record));

    /// <summary>The server has stopped before this: what it answered is written, and then it is over.</summary>
    /// <param name="cancellationToken">Not looked at: a slow request may have used up the host's patience, and what was answered is still to be written.</param>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(LastWrites, time);
        await base.StopAsync(patience.Token);
        // A round that outlasts the patience has the batch.
        if (ExecuteTask is { IsCompleted: false })
        {
            if (batch.Count + waiting.Reader.Count is > 0 and var lost)
                LogLost(new TimeoutException(), lost);
            return;
        }

        try
        {
            while (await WriteOnce(patience.Token) > 0)
            {
            }
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            LogLost(e, batch.Count + waiting.Reader.Count);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Writing(stoppingToken), Merging(stoppingToken));

    /// <summary>Brings what was written from the indexes' pending lists to its place.</summary>
    private Task Merging(CancellationToken stoppingToken) => Repeatedly.Do(
        async stopping =>
        {
            if (!hasUnmerged)
                return BetweenMerges;
            hasUnmerged = false;
            var began = time.GetTimestamp();
            await using var database = new Database(source);
            await database.Execute(Merge, null, stopping);
            var took = time.GetElapsedTime(began) * Restraint;
            return took > BetweenMerges ? took : BetweenMerges;
        },
        e =>
        {
            hasUnmerged = true;
            LogNotMerged(e);
            return BetweenMerges;
        },
        time, stoppingToken);

    private Task Writing(CancellationToken stoppingToken) => Repeatedly.Do(
        async stopping =>
        {
            // What a failure left is due, whether another read comes or not.
            if (batch.Count == 0)
                await waiting.Reader.WaitToReadAsync(stopping);
            await Task.Delay(TimeSpan.FromMilliseconds(options.Value.DelayMilliseconds), time, stopping);
            while (await WriteOnce(stopping) == MostInBatch)
            {
            }

            return TimeSpan.Zero;
        },
        e =>
        {
            // At a stop the last try tells, which comes yet.
            if (!stoppingToken.IsCancellationRequested)
                LogNotWritten(e, batch.Count + waiting.Reader.Count);
            return AfterFault;
        },
        time, stoppingToken);

    /// <summary>Headers come as single bytes; what is UTF-8 is read as such.</summary>
    private static bool TryRead(string given, out string? reason)
    {
        reason = null;
        var text = given;
        if (!Ascii.IsValid(given))
        {
            try
            {
                text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(Encoding.Latin1.GetBytes(given));
            }
            catch (DecoderFallbackException)
            {
                text = given;
            }
        }

        if (Characters.Count(text) > LongestReason || !Characters.IsOneLine(text))
            return false;
        reason = string.IsNullOrWhiteSpace(text) ? null : text.Trim();
        return true;
    }

    [LoggerMessage(90, LogLevel.Error, "{Count} access records could not be written; they are kept and tried again. Reads are refused when no more can be kept.")]
    private partial void LogNotWritten(Exception exception, int count);

    [LoggerMessage(93, LogLevel.Warning, "The access log's indexes could not be merged; searches read their pending lists meanwhile.")]
    private partial void LogNotMerged(Exception exception);

    [LoggerMessage(92, LogLevel.Information, "Batch {Batch} of access records had been written when its answer was lost.")]
    private partial void LogWritten(long batch);

    [LoggerMessage(91, LogLevel.Critical, "{Count} access records were lost at the stop, for they could not be written.")]
    private partial void LogLost(Exception exception, int count);
}

internal static class AccessLogRegistrations
{
    public static void AddAccessLog(this IServiceCollection services)
    {
        services.AddOptions<AccessLogOptions>().BindConfiguration("AccessLog").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<AccessLog>().AddHostedService(provider => provider.GetRequiredService<AccessLog>());
    }

    /// <summary>
    /// After identification: reads of known callers wait for room in the access log before they ask the database. A calendar's address is its
    /// own credential, and a change that shows what it changed has work to do: neither waits.
    /// </summary>
    public static IApplicationBuilder UseAccessLog(this IApplicationBuilder app)
    {
        var accesses = app.ApplicationServices.GetRequiredService<AccessLog>();
        return app.Use(next => context => accesses.HasRoom || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)) || context.Features.Get<Caller>() is null ? next(context) : Wait(context, next));

        async Task Wait(HttpContext context, RequestDelegate next)
        {
            await accesses.Room(context.RequestAborted);
            await next(context);
        }
    }
}
