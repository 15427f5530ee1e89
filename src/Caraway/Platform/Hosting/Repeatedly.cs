namespace Caraway.Platform.Hosting;

/// <summary>Work of a background service that is done again and again while the program runs.</summary>
internal static class Repeatedly
{
    /// <summary>A round that fails is told to <paramref name="onFailure"/>, and the next one comes: an exception that left a background service would stop the whole program.</summary>
    /// <param name="once">Does it once, and says how long to wait before the next time.</param>
    /// <param name="onFailure">Logs it, and says how long to wait before the next try.</param>
    public static async Task Do(Func<CancellationToken, Task<TimeSpan>> once, Func<Exception, TimeSpan> onFailure, TimeProvider time, CancellationToken stopping)
    {
        // Off the start's path: the program answers before the first round.
        await Task.Yield();
        while (!stopping.IsCancellationRequested)
        {
            TimeSpan pause;
            try
            {
                pause = await once(stopping);
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
