public import ControlPlane
internal import Foundation
internal import GRPCCore
internal import SwiftProtobuf

extension EtcdFacility {
    public func watch(_ prefix: String, after revision: Int64) -> CouplingWatch {
        let (watch, feed) = CouplingWatch.made()
        let task = Task { [connections] in await Self.watch(prefix, after: revision, connections, feed) }
        feed.whenOver { task.cancel() }
        return watch
    }

    /// One stream behind the other, each from where the one before had got to.
    private static func watch(
        _ prefix: String, after revision: Int64, _ connections: EtcdConnections, _ feed: CouplingWatch.Feed
    ) async {
        var seen = revision
        while let choice = connections.choice, !Task.isCancelled {
            let ending: Ending
            do {
                ending = try await stream(prefix, after: seen, choice, connections, feed)
            } catch {
                let fault = EtcdFault(
                    error, at: connections.endpoints[choice.index], isClosed: connections.isClosed)
                if case .final(let failure) = fault { return feed.finish(failure) }
                connections.failed(choice)
                ending = .broken(seen)
            }
            switch ending {
            case .over: return
            case .broken(let reached): seen = reached
            }
            try? await ContinuousClock().sleep(for: .milliseconds(50))
        }
        feed.finish(.closed)
    }

    private enum Ending: Sendable {
        /// The feed has got its end.
        case over
        /// All up to a revision was told.
        case broken(Int64)
    }

    private static func stream(
        _ prefix: String, after revision: Int64, _ choice: EtcdConnections.Choice, _ connections: EtcdConnections,
        _ feed: CouplingWatch.Feed
    ) async throws -> Ending {
        let range = KeyRange(prefix: prefix)
        let request = Etcdserverpb_WatchRequest.with {
            $0.createRequest = .with {
                $0.key = range.first
                $0.rangeEnd = range.end
                $0.startRevision = revision + 1
            }
        }
        // Our side of the stream stays open as long as theirs is read.
        let (reading, end) = AsyncStream.makeStream(of: Never.self)
        return try await Etcdserverpb_Watch.Client(wrapping: choice.client).watch(
            // A member without a leader tells nothing new and says nothing of it, unless it is asked to.
            metadata: ["hasleader": "true"], options: options(within: nil),
            requestProducer: { writer in
                try await writer.write(request)
                for await _ in reading {}
            },
            onResponse: { response in
                defer { end.finish() }
                var seen = revision
                do {
                    for try await answer in response.messages {
                        connections.succeeded(choice)
                        if answer.canceled {
                            guard answer.compactRevision > 0 else { return .broken(seen) }
                            feed.finish(.compacted(answer.compactRevision))
                            return .over
                        }
                        // A revision's events come in one answer.
                        for event in answer.events {
                            guard feed.offer(CouplingNotice(event)) else { return .over }
                            seen = max(seen, event.kv.modRevision)
                        }
                    }
                } catch {
                    connections.failed(choice)
                }
                return .broken(seen)
            })
    }
}
