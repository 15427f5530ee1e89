using System.Net;
using System.Net.Sockets;
using Caraway.Platform.Hosting;

namespace Caraway.Commands;

/// <summary>Looks whether the program can listen on its port, before it opens a database and writes to it.</summary>
internal static class ListeningPort
{
    /// <param name="onlyLoopback">In development the program listens on the loopback addresses, and elsewhere on all addresses.</param>
    /// <exception cref="CommandException">Another program listens there, or this one may not.</exception>
    public static void RequireFree(int port, bool onlyLoopback)
    {
        if (port == 0)
            return;
        IPAddress[] addresses = onlyLoopback ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Any];
        foreach (var address in addresses.Where(address => Socket.OSSupportsIPv6 || address.AddressFamily == AddressFamily.InterNetwork))
        {
            try
            {
                using var listener = new TcpListener(address, port);
                listener.Start();
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw Taken(port, e);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
            {
                throw new CommandException(
                    ExitCode.BadInput, $"This user may not listen on port {port}. Choose another one: PORT=8001 ./caraway serve", e);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
            {
                // The machine has no such loopback address. The server does without it too.
            }
        }
    }

    public static CommandException Taken(int port, Exception e) =>
        new(ExitCode.Busy, $"Port {port} is taken by another program. Choose another one: PORT=8001 ./caraway serve", e);
}
