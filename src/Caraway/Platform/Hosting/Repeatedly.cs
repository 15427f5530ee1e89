namespace Caraway.Platform.Hosting;

/// <summary>Repeats work while the program runs.</summary>
internal static class Repeatedly
{
    /// <summary>
    /// Runs rounds until the program stops. A round that fails does not end the loop: an exception that leaves a background service stops
    /// the whole program.
    /// </summary>
    /// <param name="round">Does the work once. Returns the pause before the next round.</param>
    /// <param name="onFailure">Logs a failed round. Returns the pause before the next round.</param>
    public static async Task Do(
        Func<CancellationToken, Task<TimeSpan>> round, Func<Exception, TimeSpan> onFailure, TimeProvider time, CancellationToken stopping)
    {
        // The program's start does not wait for the first round.
        await Task.Yield();
        while (!stopping.IsCancellationRequested)
        {
            TimeSpan pause;
            try
            {
                pause = await round(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                pause = onFailure(e);
            }

            await Task.Delay(pause, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}

/// <summary>A background service that repeats one kind of round while the program runs.</summary>
internal abstract class BackgroundLoop(TimeProvider time) : BackgroundService
{
    protected TimeProvider Time => time;

    /// <summary>False for a service that this process does not run.</summary>
    protected virtual bool IsEnabled => true;

    /// <summary>Does the work once.</summary>
    /// <returns>The pause before the next round.</returns>
    protected abstract Task<TimeSpan> RunRound(CancellationToken stopping);

    /// <summary>Logs a failed round.</summary>
    /// <returns>The pause before the next round.</returns>
    protected abstract TimeSpan OnFailure(Exception exception);

    protected sealed override Task ExecuteAsync(CancellationToken stoppingToken) =>
        IsEnabled ? Repeatedly.Do(RunRound, OnFailure, time, stoppingToken) : Task.CompletedTask;
}
