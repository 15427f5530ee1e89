using System.Net;
using System.Net.Sockets;

namespace Caraway.Tests.Infrastructure;

/// <summary>A port for a server that a test starts as a process.</summary>
internal static class FreePort
{
    /// <returns>A port that is free now.</returns>
    public static int Find()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
